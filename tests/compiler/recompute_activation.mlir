//: title parts of an activation that a gradient reads are computed again from the one tensor they come from
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower lacks dst=hbm.f32[tanh
//: after lower has 1 dst=hbm.f32[dot_general
func @main(%x: f32[40,24], %w: f32[24,256], %w2: f32[256,8], %dy: f32[40,8]) -> (f32[40,8], f32[40,256]) {
  %u = dot_general %x, %w {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[40,256]
  %square = multiply %u, %u : f32[40,256]
  %inner = add %u, %square : f32[40,256]
  %t = tanh %inner : f32[40,256]
  %h = multiply %u, %t : f32[40,256]
  %y = dot_general %h, %w2 {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[40,8]
  %dh = dot_general %dy, %w2 {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]} : f32[40,256]
  %a = multiply %dh, %t : f32[40,256]
  %one = constant 1.0 : f32[40,256]
  %tt = multiply %t, %t : f32[40,256]
  %slope = subtract %one, %tt : f32[40,256]
  %b = multiply %slope, %square : f32[40,256]
  %c = multiply %b, %dh : f32[40,256]
  %du = add %a, %c : f32[40,256]
  return %y, %du
}
