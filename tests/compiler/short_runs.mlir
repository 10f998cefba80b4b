//: title inputs of short runs come with what lies between them, and are read in steps
//: random 50
//: reference
//: after lower lacks vector.tensor_copy
//: after lower has 4 sync.dma_copy
func @main(%q: f32[131,8,64], %w: bf16[70,130], %s: f32[131,32]) -> (f32[131,8,32], f32[131,8,32], bf16[70,65]) {
  %a = slice %q {start_indices = [0, 0, 0], limit_indices = [131, 8, 32], strides = [1, 1, 1]} : f32[131,8,32]
  %b = slice %q {start_indices = [0, 0, 32], limit_indices = [131, 8, 64], strides = [1, 1, 1]} : f32[131,8,32]
  %t = broadcast_in_dim %s {broadcast_dimensions = [0, 2]} : f32[131,8,32]
  %at = multiply %a, %t
  %d = subtract %at, %b
  %e = slice %q {start_indices = [0, 0, 0], limit_indices = [131, 8, 64], strides = [1, 1, 2]} : f32[131,8,32]
  %f = negate %e
  %even = slice %w {start_indices = [0, 0], limit_indices = [70, 130], strides = [1, 2]} : bf16[70,65]
  %odd = slice %w {start_indices = [0, 1], limit_indices = [70, 130], strides = [1, 2]} : bf16[70,65]
  %g = add %even, %odd
  return %d, %f, %g
}
