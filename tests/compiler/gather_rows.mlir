//: title rows of a table; indices outside are clamped
//: in 0 = 0..20
//: in 1 = 0 6 3 -1 7 2147483647 -2147483648
//: in 2 = 0 6 3 7 4294967295
//: out 0 = 0 1 2 18 19 20 9 10 11 0 1 2 18 19 20 18 19 20 0 1 2
//: out 1 = 0 18 9 18 18 1 19 10 19 19 2 20 11 20 20
//: out 2 = 3 4 5 6 7 8 18 19 20 15 16 17
func @main(%x: f32[7,3], %i: i32[7], %u: u32[5,1]) -> (f32[7,3], f32[3,5], f32[2,2,3]) {
  %r0 = gather %x, %i {offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1,
      slice_sizes = [1, 3]} : f32[7,3]
  %r1 = gather %x, %u {offset_dims = [0], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1,
      slice_sizes = [1, 3]} : f32[3,5]
  %j = constant [1, 2, 99, 5] : i32[4]
  %k = reshape %j : i32[2,2]
  %r2 = gather %x, %k {offset_dims = [2], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 2,
      slice_sizes = [1, 3]} : f32[2,2,3]
  return %r0, %r1, %r2
}
