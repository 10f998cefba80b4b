//: title a group for each channel: strided with an even rest, in two chunks and three, two outputs a channel, weights as JAX keeps them
//: random 1
//: close 1e-5 1e-5
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: f32[6,150,13,10], %w: f32[150,1,3,3], %v: f32[5,4,1,300]) -> (f32[6,150,7,3], f32[6,300,13,6]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 0]], window_strides = [2, 3], feature_group_count = 150} : f32[6,150,7,3]
  %z = convolution %x, %v {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[2, 2], [-1, 3]], rhs_dilation = [1, 2], feature_group_count = 150} : f32[6,300,13,6]
  return %y, %z
}
