//: title a contraction's sum with its bias lies in HBM for those that compute it and more from it again
//: random 11
//: close 2e-6 1e-4
//: reference
//: after lower has 1 dst=hbm.f32[add
//: after lower lacks dst=hbm.f32[tanh
//: after lower lacks dst=hbm.f32[dot_general.2
func @main(%x: f32[130,40], %w: f32[40,300], %b: f32[300], %v: f32[300,20], %z: f32[130,20]) -> (f32[130,20], f32[130,300]) {
  %xs = sign %x : f32[130,40]
  %wide = sign %w : f32[40,300]
  %part = constant 0.015625 : f32[40,300]
  %ws = multiply %wide, %part : f32[40,300]
  %d = dot_general %xs, %ws {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,300]
  %bias = broadcast_in_dim %b {broadcast_dimensions = [1]} : f32[130,300]
  %y = add %d, %bias : f32[130,300]
  %t = tanh %y : f32[130,300]
  %q = multiply %t, %y : f32[130,300]
  %vs = sign %v : f32[300,20]
  %out = dot_general %q, %vs {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,20]
  %zs = sign %z : f32[130,20]
  %back = dot_general %zs, %vs {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,300]
  %two = constant 2.0 : f32[130,300]
  %slope = subtract %two, %t : f32[130,300]
  %g = multiply %back, %slope : f32[130,300]
  %h = multiply %g, %y : f32[130,300]
  return %out, %h
}
