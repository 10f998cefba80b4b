//: title a scatter-add of which every result is known before it runs is still an addition
//: in 0 = 0 0
//: out 0 = 7 7 7
func @main(%i: i32[2,1]) -> (i32[3]) {
  %x = constant 7 : i32[3]
  %u = constant 0 : i32[2]
  %r = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i32[3] (%a_1: i32[], %b_1: i32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  return %r
}
