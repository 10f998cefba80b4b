//: title a convolution of images whose borders are padded
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[2,9,11,5], %w: f32[3,3,5,7]) -> (f32[2,9,11,7]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], padding = [[1, 1], [1, 1]]} : f32[2,9,11,7]
  return %y
}
