//: title NaN and infinities in scattered sums stay in their rows
//: in 0 = 0
//: in 1 = 0 1 1 2 2 3 3 4
//: in 2 = 1 2 nan 3 4 5 inf 6 7 8 inf 9 -inf 1 -inf 3
//: out 0 = 1 2 nan 8 inf 14 nan 10 -inf 3
func @main(%x: f32[5,2], %i: i32[8,1], %u: f32[8,2]) -> (f32[5,2]) {
  %r = scatter %x, %i, %u {update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : f32[5,2] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  return %r
}
