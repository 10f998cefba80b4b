//: title NaN and infinities reach the sums that they are terms of and no other, though TensorE turns the operand
//: in 0 = 1 1 1 1 1 1 1 1  1 inf 1 1 1 1 1 1  nan 1 1 1 1 1 1 1
//: in 1 = 1 1 1 1 1 1 1 1  1 1 1 1 1 1 1 -inf
//: in 2 = 1 1 1 1 1 1 1 1  1 inf 1 1 1 1 1 1  nan 1 1 1 1 1 1 1
//: in 3 = 1 1 1 1 1 1 1 1  1 1 1 1 1 1 1 -inf
//: reference
//: after lower has 14 tensor.nc_transpose
func @main(%l: f32[300,8], %few: f32[2,8], %three: f32[3,8], %r: f32[300,8]) ->
    (f32[300,2], f32[300,3], bf16[300,2], f16[300,2], f32[300,2]) {
  %o0 = dot_general %l, %few {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[300,2]
  %d1 = dot_general %three, %r {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3,300]
  %o1 = transpose %d1 {permutation = [1, 0]} : f32[300,3]
  %l2 = convert %l : bf16[300,8]
  %few2 = convert %few : bf16[2,8]
  %o2 = dot_general %l2, %few2 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : bf16[300,2]
  %l3 = convert %l : f16[300,8]
  %few3 = convert %few : f16[2,8]
  %o3 = dot_general %l3, %few3 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f16[300,2]
  %l4 = convert %l : f8e5m2[300,8]
  %few4 = convert %few : f8e5m2[2,8]
  %o4 = dot_general %l4, %few4 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[300,2]
  return %o0, %o1, %o2, %o3, %o4
}
