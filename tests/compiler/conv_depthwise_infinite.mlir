//: title an infinite weight makes NaN of the zeros around and between elements, and stays in its channel
//: in 0 = 1*8
//: in 1 = 1*13 inf 1*4
//: out 0 = 2 4 2 4 nan inf nan inf
//: out 1 = 2 2 4 4 2 2 2 2 inf inf nan nan inf inf nan nan
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: f32[1,2,2,2], %w: f32[2,1,3,3]) -> (f32[1,2,2,2], f32[1,2,4,2]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [2, 0]], feature_group_count = 2} : f32[1,2,2,2]
  %z = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 2], [1, 1]], lhs_dilation = [2, 1], feature_group_count = 2} : f32[1,2,4,2]
  return %y, %z
}
