//: title a scatter takes its operand's place where nobody reads that later, and a copy's where somebody does
//: in 0 = 1 2 3 4 5 6
//: in 1 = 4 1
//: in 2 = 10 20
//: out 0 = 1 24 9 16 35 36
//: out 1 = 2 4 6 8 10 12
//: out 2 = 2 24 6 8 20 12
//: after lower has 2 dst=hbm.f32[multiply
//: after lower lacks hbm.f32[scatter
func @main(%x: f32[6], %i: i32[2,1], %u: f32[2]) -> (f32[6], f32[6], f32[6]) {
  %squares = multiply %x, %x
  %first = scatter %squares, %i, %u {index_vector_dim = 1, indices_are_sorted = false, input_batching_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], scatter_indices_batching_dims = [], unique_indices = true, update_window_dims = []} : f32[6] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %one = add %first, %first
  %half = constant 0.5 : f32[6]
  %same = multiply %one, %half
  %doubles = add %x, %x
  %second = scatter %doubles, %i, %u {index_vector_dim = 1, indices_are_sorted = false, input_batching_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], scatter_indices_batching_dims = [], unique_indices = true, update_window_dims = []} : f32[6] (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  return %same, %doubles, %second
}
