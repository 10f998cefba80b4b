//: title 64-bit constant indices of gather and scatter become 32-bit ones
//: in 0 = 1 2 3 4 5 6
//: in 1 = 10 20 30 40
//: out 0 = 5 6 1 2
//: out 1 = 31 42 3 4 15 26
//: after narrow lacks i64
func @main(%x: f32[3,2], %y: f32[2,2]) -> (f32[2,2], f32[3,2]) {
  %at = constant [2, 0] : i64[2,1]
  %g = gather %x, %at {offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0],
                       index_vector_dim = 1, slice_sizes = [1, 2]} : f32[2,2]
  %s = scatter %x, %at, %y {update_window_dims = [1], inserted_window_dims = [0],
                            scatter_dims_to_operand_dims = [0], index_vector_dim = 1} : f32[3,2]
       (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %g, %s
}
