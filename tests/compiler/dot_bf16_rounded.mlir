//: title bf16 products rounded once to bf16; small integers, so that sums are exact
//: in 0 = -2..3
//: in 1 = 1 0 -1 2
//: in 2 = 3 -1 0
//: in 3 = 0 2 1 -2 1
//: in 4 = 1 2 3
//: in 5 = -1 4 2
//: reference
func @main(%l0: bf16[33,129], %r0: bf16[129,65], %l1: bf16[3,7,130], %r1: bf16[3,130,9], %l2: bf16[2,5], %r2: bf16[5,3]) ->
    (bf16[33,65], bf16[3,7,9], bf16[2,3]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : bf16[33,65]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : bf16[3,7,9]
  %o2 = dot_general %l2, %r2 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : bf16[2,3]
  return %o0, %o1, %o2
}
