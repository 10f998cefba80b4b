//: title dynamic slices at starts that are given, known and clamped
//: in 0 = 0..34
//: in 1 = 2
//: in 2 = -3
//: in 3 = 100
//: in 4 = 200
//: out 0 = 16 17 18 23 24 25
//: out 1 = 0 1 2 7 8 9
//: out 2 = 25 26 27 32 33 34
//: out 3 = 22 23 24 29 30 31
//: out 4 = 14 15 16 17 18 19 20
//: out 5 = 33 34
func @main(%x: f32[5,7], %two: i32[], %low: i32[], %high: i32[], %byte: u8[]) ->
    (f32[2,3], f32[2,3], f32[2,3], f32[2,3], f32[1,7], f32[1,2]) {
  %three = constant 3 : i32[]
  %one = constant 1 : i32[]
  %r0 = dynamic_slice %x, %two, %two {slice_sizes = [2, 3]} : f32[2,3]
  %r1 = dynamic_slice %x, %low, %low {slice_sizes = [2, 3]} : f32[2,3]
  %r2 = dynamic_slice %x, %high, %high {slice_sizes = [2, 3]} : f32[2,3]
  %r3 = dynamic_slice %x, %three, %one {slice_sizes = [2, 3]} : f32[2,3]
  %r4 = dynamic_slice %x, %two, %high {slice_sizes = [1, 7]} : f32[1,7]
  %r5 = dynamic_slice %x, %byte, %byte {slice_sizes = [1, 2]} : f32[1,2]
  return %r0, %r1, %r2, %r3, %r4, %r5
}
