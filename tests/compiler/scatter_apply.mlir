//: title a scatter by a function of several operators; one window reaches out and is dropped
//: in 0 = 0..9
//: in 1 = 3 0 4 7
//: in 2 = 1 2 3 4 5 6 7 8
//: out 0 = 18 40 2 3 4 5 14 36 130 180
func @main(%x: f32[5,2], %i: i32[4,1], %u: f32[4,2]) -> (f32[5,2]) {
  %r = scatter %x, %i, %u {update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1, unique_indices = true} : f32[5,2] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = constant 2 : f32[]
    %d_1 = add %a_1, %b_1
    %e_1 = multiply %d_1, %c_1
    %f_1 = multiply %e_1, %b_1
    return %f_1
  }
  return %r
}
