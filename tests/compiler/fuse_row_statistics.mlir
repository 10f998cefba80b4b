//: title what is computed for each row joins the pass over the rows it is repeated in
//: random 3
//: close 2e-6 1e-6
//: reference
//: after lower lacks dst=hbm.f32[rsqrt
//: after lower has 1 dst=hbm.
func @main(%v: f32[40,50], %x: f32[40,50,33]) -> (f32[40,50,33]) {
  %square = multiply %v, %v : f32[40,50]
  %one = constant 1.0 : f32[40,50]
  %above = add %square, %one : f32[40,50]
  %scale = rsqrt %above : f32[40,50]
  %scales = broadcast_in_dim %scale {broadcast_dimensions = [0, 1]} : f32[40,50,33]
  %y = multiply %x, %scales : f32[40,50,33]
  return %y
}
