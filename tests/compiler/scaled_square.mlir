//: title c * x * x is one pass of ScalarE where that has less to do; a negative c and a bf16 product are not
//: in 0 = 1 -2 0 3e18 1e-22 inf nan -7.5 -inf
//: close 5e-7 1e-30
//: reference
//: after lower has 1 func=square
//: after lower has 1 scalar_tensor_tensor
func @main(%x: f32[128,512]) -> (f32[128,512], f32[128,512]) {
  %c = constant 1e-3 : f32[128,512]
  %scaled = multiply %x, %c
  %square = multiply %scaled, %x
  %d = constant -3.0 : f32[128,512]
  %turned = multiply %d, %x
  %other = multiply %x, %turned
  return %square, %other
}
