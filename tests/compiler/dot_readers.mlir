//: title bias, activation and residual take a product from PSUM; the product itself goes to HBM only when it is read there
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower lacks dst=hbm.f32[dot_general
//: after lower lacks dst=hbm.f32[add
func @main(%x: f32[300,130], %w: f32[130,520], %bias: f32[520], %more: f32[300,520]) -> (f32[300,520]) {
  %zero = constant 0.0 : f32[300,520]
  %u = dot_general %x, %w {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[300,520]
  %wide = broadcast_in_dim %bias {broadcast_dimensions = [1]} : f32[300,520]
  %above = add %u, %wide : f32[300,520]
  %h = maximum %above, %zero : f32[300,520]
  %y = add %h, %more : f32[300,520]
  return %y
}
