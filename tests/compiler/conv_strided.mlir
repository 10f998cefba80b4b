//: title windows of unequal sides and strides, features before pixels
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[2,3,17,19], %w: f32[4,3,5,4]) -> (f32[2,4,5,8]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1,
                           input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3],
                           output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3], window_strides = [3, 2]} : f32[2,4,5,8]
  return %y
}
