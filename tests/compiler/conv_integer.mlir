//: title TensorE multiplies no integers
//: fails unsupported convolution
func @main(%x: i32[2,4,3], %w: i32[2,3,5]) -> (i32[2,3,5]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 2, input_spatial_dimensions = [1],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 2,
                           kernel_spatial_dimensions = [0], output_batch_dimension = 0, output_feature_dimension = 2,
                           output_spatial_dimensions = [1]} : i32[2,3,5]
  return %y
}
