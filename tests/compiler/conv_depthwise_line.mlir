//: title lines, and one that SBUF does not hold at once: causal, strided, their gradients
//: random 1
//: close 3e-5 3e-4
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: f32[2,130,40], %w: f32[130,1,4], %g: f32[2,130,20], %l: f32[1,3,30000], %v: f32[3,1,7]) -> (f32[2,130,40], f32[2,130,40], f32[1,130,4], f32[1,3,10000]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2],
                           padding = [[3, 0]], feature_group_count = 130} : f32[2,130,40]
  %dx = convolution %g, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2],
                           padding = [[2, 2]], lhs_dilation = [2], window_reversal = [true], feature_group_count = 130} : f32[2,130,40]
  %dw = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2],
                           padding = [[1, 1]], rhs_dilation = [2], batch_group_count = 130} : f32[1,130,4]
  %z = convolution %l, %v {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2],
                           padding = [[3, 3]], window_strides = [3], feature_group_count = 3} : f32[1,3,10000]
  return %y, %dx, %dw, %z
}
