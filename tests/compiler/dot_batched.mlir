//: title products of heads as attention makes them: batch axes apart, depth last on both sides
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%q: f32[3,33,4,16], %k: f32[3,33,4,16], %v: f32[3,33,4,16]) -> (f32[3,4,33,33], f32[3,4,33,16]) {
  %s = dot_general %q, %k {lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3],
                           lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 2]} : f32[3,4,33,33]
  %o = dot_general %s, %v {lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [1],
                           lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 2]} : f32[3,4,33,16]
  return %s, %o
}
