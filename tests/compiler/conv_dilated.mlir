//: title both sides dilated, one axis reversed
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[2,6,7,4], %w: f32[3,2,4,5]) -> (f32[2,10,22,5]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], padding = [[1, 2], [3, 3]], lhs_dilation = [2, 3],
                           rhs_dilation = [2, 3], window_reversal = [true, false]} : f32[2,10,22,5]
  return %y
}
