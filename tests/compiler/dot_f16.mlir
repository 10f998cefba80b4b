//: title f16 products with sums in fp32 and of f16 with f32 results
//: random 1
//: close 3e-6 3e-6
//: reference
func @main(%l0: f16[33,129], %r0: f16[129,5], %l1: f16[5,7], %r1: f16[9,7]) ->
    (f32[33,5], f32[5,9]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5,9]
  return %o0, %o1
}
