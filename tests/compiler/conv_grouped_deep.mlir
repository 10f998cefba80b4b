//: title two groups of many features are contractions
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[3,9,9,16], %w: f32[3,3,8,24]) -> (f32[3,7,7,24]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], feature_group_count = 2} : f32[3,7,7,24]
  return %y
}
