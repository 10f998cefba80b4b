//: title groups of few channels: images, both gradients of a strided one, and so many images that a loop goes over them
//: random 1
//: close 3e-5 3e-4
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: f32[6,96,13,10], %w: f32[192,3,3,3], %g: f32[6,192,7,5], %r: f32[96,6,3,3], %a: f32[38,34,32,32], %b: f32[38,34,32,32], %v: f32[34,2,3,3]) -> (f32[6,192,7,5], f32[6,96,13,10], f32[3,192,3,3], f32[38,34,32,32], f32[2,34,3,3]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], window_strides = [2, 2], feature_group_count = 32} : f32[6,192,7,5]
  %dx = convolution %g, %r {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 2]], lhs_dilation = [2, 2], window_reversal = [true, true], feature_group_count = 32} : f32[6,96,13,10]
  %dw = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 0]], rhs_dilation = [2, 2], batch_group_count = 32} : f32[3,192,3,3]
  %z = convolution %a, %v {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], feature_group_count = 17} : f32[38,34,32,32]
  %dv = convolution %a, %b {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], batch_group_count = 17} : f32[2,34,3,3]
  return %y, %dx, %dw, %z, %dv
}
