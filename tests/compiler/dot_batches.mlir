//: title products of batches on any axis, one and two of them, ragged and of size 1
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%l0: f32[3,17,129], %r0: f32[3,129,5], %l1: f32[17,3,129], %r1: f32[129,5,3], %l2: f32[129,3], %r2: f32[129,3], %l3: f32[2,3,5,7], %r3: f32[7,3,2,4], %l4: f32[1,33,1], %r4: f32[1,1,33], %l5: f32[130,2,2], %r5: f32[130,2,2], %l6: f32[5,3,2], %r6: f32[5,3], %l7: f32[4,513], %r7: f32[4,513]) ->
    (f32[3,17,5], f32[3,17,5], f32[129], f32[2,3,5,4], f32[1,33,33], f32[130,2,2], f32[5,3,2], f32[4]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[3,17,5]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [1], rhs_batching_dimensions = [2]} : f32[3,17,5]
  %o2 = dot_general %l2, %r2 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[129]
  %o3 = dot_general %l3, %r3 {lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [2, 1]} : f32[2,3,5,4]
  %o4 = dot_general %l4, %r4 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[1,33,33]
  %o5 = dot_general %l5, %r5 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[130,2,2]
  %o6 = dot_general %l6, %r6 {lhs_contracting_dimensions = [], rhs_contracting_dimensions = [],
      lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 1]} : f32[5,3,2]
  %o7 = dot_general %l7, %r7 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[4]
  return %o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7
}
