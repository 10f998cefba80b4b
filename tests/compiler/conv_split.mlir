//: title more depth than SBUF holds at a time
//: random 1
//: close 1e-5 5e-4
//: after lower has memset dst=psum
//: reference
func @main(%x: f32[24,64,64,15], %w: f32[24,64,64,4]) -> (f32[3,3,15,4]) {
  %y = convolution %x, %w {input_batch_dimension = 3, input_feature_dimension = 0,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [1, 2],
                           output_batch_dimension = 2, output_feature_dimension = 3,
                           output_spatial_dimensions = [0, 1], padding = [[1, 1], [1, 1]]} : f32[3,3,15,4]
  return %y
}
