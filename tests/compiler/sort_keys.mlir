//: title two keys in opposite directions, and a third array that follows
//: in 0 = 3 1 3 2 1 3 2 2 1
//: in 1 = 1 5 9 4 2 9 8 4 5
//: in 2 = 0 1 2 3 4 5 6 7 8
//: out 0 = 1 1 1 2 2 2 3 3 3
//: out 1 = 5 5 2 8 4 4 9 9 1
//: out 2 = 1 8 4 6 3 7 2 5 0
func @main(%x: i32[9], %y: f32[9], %z: i8[9]) -> (i32[9], f32[9], i8[9]) {
  %p, %q, %r = sort %x, %y, %z {dimension = 0, is_stable = true} : i32[9], f32[9], i8[9]
      (%a: i32[], %b: i32[], %c: f32[], %d: f32[], %e: i8[], %f: i8[]) {
    %v0 = compare LT %a, %b {compare_type = SIGNED}
    %v1 = compare EQ %b, %a {compare_type = SIGNED}
    %v2 = compare LT %d, %c {compare_type = FLOAT}
    %v3 = select %v1, %v2, %v0
    return %v3
  }
  return %p, %q, %r
}
