//: title three spatial axes
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[2,3,7,8,9], %w: f32[5,3,3,3,2]) -> (f32[2,5,3,3,8]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1,
                           input_spatial_dimensions = [2, 3, 4],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3, 4],
                           output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3, 4], window_strides = [2, 2, 1]} : f32[2,5,3,3,8]
  return %y
}
