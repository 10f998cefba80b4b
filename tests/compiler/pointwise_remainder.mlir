//: title remainder has the sign of the dividend
//: in 0 = 5.5 -5.5 7 -7 0 -0.0 1e10 inf nan 3 -1
//: in 1 = 2 2 -3 -3 5 5 7 2 1 inf 0.3
//: reference
func @main(%x: f32[127], %y: f32[127]) -> (f32[127]) {
  %z = remainder %x, %y
  return %z
}
