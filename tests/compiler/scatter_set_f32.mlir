//: title scatter: of rows that repeat the last one stays
//: in 0 = 0..9
//: in 1 = 0 3 0 -1 5 4 0 2147483647
//: in 2 = -7 -6 -5 -4 -3 -2 -1 0 1 2 3 4 5 6 7 8
//: out 0 = 5 6 2 3 4 5 -5 -4 3 4
func @main(%x: f32[5,2], %i: i32[8,1], %u: f32[8,2]) -> (f32[5,2]) {
  %r = scatter %x, %i, %u {update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : f32[5,2] (%a_1: f32[], %b_1: f32[]) {
    return %b_1
  }
  return %r
}
