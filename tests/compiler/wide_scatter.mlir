//: title scatter of 64-bit integers: written by halves, sums carry; indices outside 32 bits leave their update out
//: in 0 = 705032704 1 4294967295 4294967295 7 0 0 0 0 2147483648
//: in 1 = 0 0 2 0 2 0 4294967295 4294967295 1 0 0 1 0 0 4 0 1 0
//: in 2 = 4294967295 0 4294967293 4294967295 0 4294967295 9 0 1 0 8 0 1 0 4294967295 4294967295 4294967295 2147483647
//: out 0 = 1 0 4294967295 2147483647 0 4294967295 0 0 4294967295 4294967295
//: out 1 = 705032704 2 4294967295 2147483647 4 4294967295 0 0 4294967295 2147483647
//: out 2 = 0 0 1 0 0 0 0 0 0 2147483648
//: out 3 = 4294967295 1 4294967295 4294967295 4294967295 4294967295 0 0 4294967295 4294967295
//: out 4 = 3589934590 1 1 2147483648 4294967290 0 0 0 4294967295 2147483647
//: after narrow lacks (%a_1: i64[]
func @main(%x_w: u32[5,2], %i_w: u32[9,1,2], %u_w: u32[9,2]) ->
    (u32[5,2], u32[5,2], u32[5,2], u32[5,2], u32[5,2]) {
  %x = bitcast_convert %x_w : i64[5]
  %i = bitcast_convert %i_w : i64[9,1]
  %u = bitcast_convert %u_w : i64[9]
  %r0 = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i64[5] (%a_0: i64[], %b_0: i64[]) {
    return %b_0
  }
  %r1 = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i64[5] (%a_1: i64[], %b_1: i64[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %r2 = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i64[5] (%a_2: i64[], %b_2: i64[]) {
    %c_2 = and %a_2, %b_2
    return %c_2
  }
  %r3 = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i64[5] (%a_3: i64[], %b_3: i64[]) {
    %c_3 = or %a_3, %b_3
    return %c_3
  }
  %r4 = scatter %x, %i, %u {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i64[5] (%a_4: i64[], %b_4: i64[]) {
    %c_4 = xor %a_4, %b_4
    return %c_4
  }
  %r0_w = bitcast_convert %r0 : u32[5,2]
  %r1_w = bitcast_convert %r1 : u32[5,2]
  %r2_w = bitcast_convert %r2 : u32[5,2]
  %r3_w = bitcast_convert %r3 : u32[5,2]
  %r4_w = bitcast_convert %r4 : u32[5,2]
  return %r0_w, %r1_w, %r2_w, %r3_w, %r4_w
}
