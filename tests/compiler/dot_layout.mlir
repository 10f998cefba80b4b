//: title products lie where their only reader wants them: heads side by side, and as parts of a concatenation
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower lacks contiguous
//: after lower lacks src=hbm.f32[dot_general
func @main(%p: f32[2,3,40,50], %v: f32[2,3,50,16], %w: f32[2,3,50,16]) -> (f32[2,40,96], f32[2,40,48]) {
  %a = dot_general %p, %v {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 1], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [2]} : f32[2,3,40,16]
  %b = dot_general %p, %w {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 1], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [2]} : f32[2,3,40,16]
  %at = transpose %a {permutation = [0, 2, 1, 3]} : f32[2,40,3,16]
  %bt = transpose %b {permutation = [0, 2, 1, 3]} : f32[2,40,3,16]
  %ar = reshape %at : f32[2,40,48]
  %br = reshape %bt : f32[2,40,48]
  %both = concatenate %ar, %br {dimension = 2} : f32[2,40,96]
  %c = dot_general %p, %v {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 1], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [2]} : f32[2,3,40,16]
  %ct = transpose %c {permutation = [0, 2, 1, 3]} : f32[2,40,3,16]
  %cr = reshape %ct : f32[2,40,48]
  %one = constant 1.0 : f32[2,40,48]
  %y = add %cr, %one : f32[2,40,48]
  return %both, %y
}
