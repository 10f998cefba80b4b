//: title a scatter with a function of several operators is refused
//: fails unsupported function that is not one operator, and indices that may repeat
func @main(%x: f32[5], %i: i32[3,1], %u: f32[3]) -> (f32[5]) {
  %r = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : f32[5] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    %d_1 = multiply %c_1, %a_1
    return %d_1
  }
  return %r
}
