//: title power within 3 ULP, and its corners
//: in 0 = 2 0.5 3 10 1.1 -2 -2 0 0 1 5 nan -0.5 inf
//: in 1 = 10 -3 0.5 -2.5 100 3 0.5 0 -1 nan 0 0 2 -1
//: close 3.6e-7 0
//: reference
func @main(%x: f32[14], %y: f32[14]) -> (f32[14]) {
  %z = power %x, %y
  return %z
}
