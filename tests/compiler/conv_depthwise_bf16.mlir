//: title depthwise in narrow types: sums are in fp32
//: random 1
//: close 1e-2 1e-2
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: bf16[4,40,9,8], %w: bf16[40,1,3,3], %g: bf16[4,40,9,8]) -> (bf16[4,40,9,8], f32[4,40,9,8], bf16[1,40,3,3]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], feature_group_count = 40} : bf16[4,40,9,8]
  %z = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], feature_group_count = 40} : f32[4,40,9,8]
  %dw = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], batch_group_count = 40} : bf16[1,40,3,3]
  return %y, %z, %dw
}
