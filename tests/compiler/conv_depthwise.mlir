//: title one group for each feature
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[2,3,40,8,8], %w: f32[40,1,3,3,2]) -> (f32[2,40,1,6,7]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 2,
                           input_spatial_dimensions = [1, 3, 4],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3, 4],
                           output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3, 4], feature_group_count = 40} : f32[2,40,1,6,7]
  return %y
}
