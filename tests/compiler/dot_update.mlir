//: title a weight and its momentum are updated as the gradient leaves PSUM
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower lacks dst=hbm.f32[dot_general
//: after lower has 2 dst=hbm.
func @main(%x: f32[96,200], %dy: f32[96,300], %w: f32[200,300], %m: f32[200,300]) -> (f32[200,300], f32[200,300]) {
  %keep = constant 0.9 : f32[200,300]
  %rate = constant 0.125 : f32[200,300]
  %g = dot_general %x, %dy {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[200,300]
  %old = multiply %m, %keep : f32[200,300]
  %new = add %old, %g : f32[200,300]
  %step = multiply %new, %rate : f32[200,300]
  %result = subtract %w, %step : f32[200,300]
  return %result, %new
}
