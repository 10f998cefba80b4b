//: title dynamic updates at starts that are given, known and clamped; of everything and of nothing
//: in 0 = 0..14
//: in 1 = -1 -2
//: in 2 = 1
//: in 3 = 99
//: in 4 = -15..-1
//: random 1
//: out 0 = 0 1 2 3 4 5 -1 -2 8 9 10 11 12 13 14
//: out 1 = 0 1 2 3 4 5 6 7 8 9 10 11 12 -1 -2
//: out 2 = 0 1 2 3 4 5 6 7 -1 -2 10 11 12 13 14
//: out 3 = -15..-1
//: out 4 = 0..14
func @main(%x: i32[3,5], %u: i32[1,2], %one: i32[], %far: i32[], %all: i32[3,5], %none: i32[0,2]) ->
    (i32[3,5], i32[3,5], i32[3,5], i32[3,5], i32[3,5]) {
  %three = constant 3 : i32[]
  %r0 = dynamic_update_slice %x, %u, %one, %one : i32[3,5]
  %r1 = dynamic_update_slice %x, %u, %far, %far : i32[3,5]
  %r2 = dynamic_update_slice %x, %u, %one, %three : i32[3,5]
  %r3 = dynamic_update_slice %x, %all, %far, %one : i32[3,5]
  %r4 = dynamic_update_slice %x, %none, %one, %one : i32[3,5]
  return %r0, %r1, %r2, %r3, %r4
}
