//: title bf16 products with sums in fp32
//: random 1
//: close 3e-6 3e-6
//: reference
func @main(%l0: bf16[33,129], %r0: bf16[129,65], %l1: bf16[3,7,130], %r1: bf16[3,130,9], %l2: bf16[129,5], %r2: bf16[129,7], %l3: bf16[1,1], %r3: bf16[1,513]) ->
    (f32[33,65], f32[3,7,9], f32[5,7], f32[1,513]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,65]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[3,7,9]
  %o2 = dot_general %l2, %r2 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5,7]
  %o3 = dot_general %l3, %r3 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1,513]
  return %o0, %o1, %o2, %o3
}
