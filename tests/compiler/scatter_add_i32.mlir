//: title scatter-add of integers
//: in 0 = 0..9
//: in 1 = 0 3 0 -1 5 4 0 2147483647
//: in 2 = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
//: out 0 = 19 23 2 3 4 5 9 11 19 21
func @main(%x: i32[5,2], %i: i32[8,1], %u: i32[8,2]) -> (i32[5,2]) {
  %r = scatter %x, %i, %u {update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i32[5,2] (%a_1: i32[], %b_1: i32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  return %r
}
