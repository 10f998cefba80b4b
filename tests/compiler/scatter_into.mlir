//: title a sum with what was scattered into zeros, which a product reads, scatters into the other summand where that lies
//: in 0 = 1 2 3 -1 0.5
//: in 1 = 3 0 -1 7 5 9 2 2 6 1 0 4
//: in 2 = 1 -2 0.5
//: in 3 = 1 0 2 -1
//: out 0 = 16.25 8 10.5 25.75 16.25 5.5 6.25 16 3.25 5.5 23.75 17.25 7 10.5 23.75 -2.75 11.5 6.25 28 -2.75 14.25 16 19.25 -2.5 14.25 17.25 7 10.5 23.75 17.25 9.5 5.25 21 1.25 9.5 19.75 19.25 5 10.5 19.75 -0.75 10 6.75 26 -0.75 14.25 22 16.25 0.5 14.25 15.25 7 6.5 25.75 15.25 8 6.25 21 0.75 8
//: after into has 1 = scatter
//: after into lacks 0.0 : f32[12,8]
//: after lower has 2 dst=hbm.f32[multiply
func @main(%x: f32[12,8], %i: i32[12,1], %u: f32[12], %w: f32[8,5]) -> (f32[12,5]) {
  %zeros = constant 0.0 : f32[12,8]
  %twice = multiply %x, %x
  %marks = scatter %zeros, %i, %u {index_vector_dim = 1, indices_are_sorted = false, input_batching_dims = [0], inserted_window_dims = [1], scatter_dims_to_operand_dims = [1], scatter_indices_batching_dims = [0], unique_indices = false, update_window_dims = []} : f32[12,8] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %both = add %twice, %marks
  %out = dot_general %both, %w {lhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_batching_dimensions = [], rhs_contracting_dimensions = [0]} : f32[12,5]
  return %out
}
