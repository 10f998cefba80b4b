//: title matrix products with either operand transposed, depth before, in the middle, on two axes
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%l0: f32[129,37], %r0: f32[129,65], %l1: f32[37,129], %r1: f32[65,129], %l2: f32[129,37], %r2: f32[65,129], %l3: f32[5,33,7], %r3: f32[33,9], %l4: f32[5,33,7], %r4: f32[9,33], %l5: f32[3,11,5,7], %r5: f32[5,11,2], %l6: f32[3,5,7], %r6: f32[7,3], %l7: f32[2,3,4], %r7: f32[4,5,6]) ->
    (f32[37,65], f32[37,65], f32[37,65], f32[5,7,9], f32[5,7,9], f32[3,7,2], f32[5], f32[2,3,5,6]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[37,65]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[37,65]
  %o2 = dot_general %l2, %r2 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[37,65]
  %o3 = dot_general %l3, %r3 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5,7,9]
  %o4 = dot_general %l4, %r4 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5,7,9]
  %o5 = dot_general %l5, %r5 {lhs_contracting_dimensions = [1, 2], rhs_contracting_dimensions = [1, 0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3,7,2]
  %o6 = dot_general %l6, %r6 {lhs_contracting_dimensions = [2, 0], rhs_contracting_dimensions = [0, 1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5]
  %o7 = dot_general %l7, %r7 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2,3,5,6]
  return %o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7
}
