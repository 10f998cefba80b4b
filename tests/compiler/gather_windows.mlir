//: title windows at positions of two axes, in either order, the window kept, clamped so that it fits
//: in 0 = 0..19
//: in 1 = 0 0 1 2 3 3 -5 9
//: out 0 = 0 1 5 6 7 8 12 13 13 14 18 19 3 4 8 9
//: out 1 = 0 11 18 15
//: out 2 = 0 1 5 6 11 12 16 17 13 14 18 19 10 11 15 16
func @main(%x: i32[4,5], %i: i32[4,2]) -> (i32[4,2,2], i32[4], i32[4,2,2]) {
  %r0 = gather %x, %i {offset_dims = [1, 2], collapsed_slice_dims = [], start_index_map = [0, 1], index_vector_dim = 1,
      slice_sizes = [2, 2]} : i32[4,2,2]
  %r1 = gather %x, %i {offset_dims = [], collapsed_slice_dims = [0, 1], start_index_map = [1, 0], index_vector_dim = 1,
      slice_sizes = [1, 1]} : i32[4]
  %r2 = gather %x, %i {offset_dims = [1, 2], collapsed_slice_dims = [], start_index_map = [1, 0], index_vector_dim = 1,
      slice_sizes = [2, 2]} : i32[4,2,2]
  return %r0, %r1, %r2
}
