//: title constants with elements of their own, of every width
//: in 0 = 1
//: reference
func @main(%x: f32[]) -> (f32[5], bf16[3], i8[4], u16[2,3], i1[5], f32[2,2], f32[2,2]) {
  %a = constant [0.0, -0.0, inf, nan, 1e-30] : f32[5]
  %b = constant [1.0, -2.5, 0.1] : bf16[3]
  %c = constant [-128, 127, 0, -1] : i8[4]
  %d = constant [0, 1, 2, 65535, 4, 5] : u16[2,3]
  %e = constant [true, false, true, true, false] : i1[5]
  %f = constant [1.0, 2.0, 3.0, 4.0] : f32[2,2]
  %g = transpose %f {permutation = [1, 0]} : f32[2,2]
  %h = add %f, %g
  return %a, %b, %c, %d, %e, %g, %h
}
