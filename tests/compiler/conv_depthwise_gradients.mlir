//: title gradients of a strided depthwise convolution: its images, between whose elements windows see zeros, and its weights
//: random 1
//: close 1e-5 1e-5
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: f32[8,24,12,11], %w: f32[24,1,5,3], %g: f32[8,24,6,4], %h: f32[8,48,12,11]) -> (f32[8,24,12,11], f32[8,24,12,11], f32[1,24,5,3], f32[1,48,3,3]) {
  %r = reverse %w {dimensions = [2, 3]} : f32[24,1,5,3]
  %dx = convolution %g, %r {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[2, 3], [1, 2]], lhs_dilation = [2, 3], feature_group_count = 24} : f32[8,24,12,11]
  %dy = convolution %g, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[2, 3], [1, 2]], lhs_dilation = [2, 3], window_reversal = [true, true], feature_group_count = 24} : f32[8,24,12,11]
  %dw = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[2, 1], [1, 0]], rhs_dilation = [2, 3], batch_group_count = 24} : f32[1,24,5,3]
  %dv = convolution %x, %h {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [2, 2]], window_strides = [1, 2], batch_group_count = 24} : f32[1,48,3,3]
  return %dx, %dy, %dw, %dv
}
