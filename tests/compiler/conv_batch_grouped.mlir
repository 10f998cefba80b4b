//: title batch groups, as weight gradients of grouped convolutions have them
//: random 1
//: close 1e-5 1e-5
//: reference
//: pe-flops 0
func @main(%x: f32[6,8,9,9], %w: f32[9,9,6,12]) -> (f32[12,2,3,3]) {
  %y = convolution %x, %w {input_batch_dimension = 1, input_feature_dimension = 0,
                           input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 1, output_feature_dimension = 0,
                           output_spatial_dimensions = [2, 3], padding = [[1, 1], [1, 1]], batch_group_count = 4} : f32[12,2,3,3]
  return %y
}
