//: title scatter of windows at two positions: one that does not fit whole is dropped whole; no updates; no operand
//: in 0 = 0*20
//: in 1 = 0 0 2 3 3 4 -1 0 1 1
//: in 2 = 1..20
//: random 1
//: out 0 = 1 2 0 0 0 3 21 18 0 0 0 19 20 5 6 0 0 0 7 8
//: out 1 = 7 7 7
func @main(%x: f32[4,5], %i: i32[5,2], %u: f32[5,2,2], %none: i32[0,1], %nothing: f32[0]) -> (f32[4,5], f32[3]) {
  %r = scatter %x, %i, %u {update_window_dims = [1, 2], inserted_window_dims = [], scatter_dims_to_operand_dims = [0, 1],
      index_vector_dim = 1} : f32[4,5] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %seven = constant 7.0 : f32[3]
  %s = scatter %seven, %none, %nothing {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : f32[3] (%d_2: f32[], %e_2: f32[]) {
    return %e_2
  }
  return %r, %s
}
