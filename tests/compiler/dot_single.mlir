//: title matrix products with one row, one column, depth 1, and scalars
//: random 1
//: close 3e-6 3e-6
//: reference
func @main(%l0: f32[1,129], %r0: f32[129,5], %l1: f32[5,129], %r1: f32[129,1], %l2: f32[129,1], %r2: f32[1,513], %l3: f32[1,1], %r3: f32[1,1], %l4: f32[513], %r4: f32[513], %l5: f32[129], %r5: f32[], %l6: f32[], %r6: f32[], %l7: f32[7], %r7: f32[33], %l8: f32[3,129], %r8: f32[129]) ->
    (f32[1,5], f32[5,1], f32[129,513], f32[1,1], f32[], f32[129], f32[], f32[7,33], f32[3]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1,5]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5,1]
  %o2 = dot_general %l2, %r2 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[129,513]
  %o3 = dot_general %l3, %r3 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1,1]
  %o4 = dot_general %l4, %r4 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[]
  %o5 = dot_general %l5, %r5 {lhs_contracting_dimensions = [], rhs_contracting_dimensions = [],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[129]
  %o6 = dot_general %l6, %r6 {lhs_contracting_dimensions = [], rhs_contracting_dimensions = [],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[]
  %o7 = dot_general %l7, %r7 {lhs_contracting_dimensions = [], rhs_contracting_dimensions = [],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[7,33]
  %o8 = dot_general %l8, %r8 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3]
  return %o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7, %o8
}
