//: title one window, so that none repeats: the function is applied to it
//: in 0 = 1..6
//: in 1 = 1
//: in 2 = 0 0
//: out 0 = 1 2 -3 -4 5 6
func @main(%x: f32[3,2], %i: i32[1], %u: f32[2]) -> (f32[3,2]) {
  %r = scatter %x, %i, %u {update_window_dims = [0], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 0} : f32[3,2] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = negate %a_1
    return %c_1
  }
  return %r
}
