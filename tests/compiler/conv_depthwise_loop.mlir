//: title so many images that a loop goes over them
//: random 1
//: close 3e-5 3e-4
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
//: after place has loop
func @main(%x: f32[33,38,32,32], %w: f32[33,1,3,3], %g: f32[33,38,16,16]) -> (f32[33,38,32,32], f32[33,38,32,32], f32[1,33,3,3]) {
  %y = convolution %x, %w {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 1, output_feature_dimension = 0,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], feature_group_count = 33} : f32[33,38,32,32]
  %dx = convolution %g, %w {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 1, output_feature_dimension = 0,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 2], [1, 2]], lhs_dilation = [2, 2], feature_group_count = 33} : f32[33,38,32,32]
  %dw = convolution %x, %g {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 0], [1, 0]], rhs_dilation = [2, 2], batch_group_count = 33} : f32[1,33,3,3]
  return %y, %dx, %dw
}
