//: title images that SBUF does not hold whole: blocks of rows, and images in a loop
//: random 1
//: close 2e-5 1e-4
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
func @main(%x: f32[2,70,90,60], %w: f32[70,1,3,3], %g: f32[2,70,90,60], %a: f32[28,9,28,28], %b: f32[28,9,14,14], %v: f32[9,1,3,3]) -> (f32[2,70,90,60], f32[1,70,3,3], f32[28,9,28,28], f32[28,9,28,28], f32[1,9,3,3]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], feature_group_count = 70} : f32[2,70,90,60]
  %dw = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], batch_group_count = 70} : f32[1,70,3,3]
  %z = convolution %a, %v {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 1], [1, 1]], feature_group_count = 9} : f32[28,9,28,28]
  %da = convolution %b, %v {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 2], [1, 2]], lhs_dilation = [2, 2], feature_group_count = 9} : f32[28,9,28,28]
  %dv = convolution %a, %b {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3],
                           padding = [[1, 0], [1, 0]], rhs_dilation = [2, 2], batch_group_count = 9} : f32[1,9,3,3]
  return %y, %dw, %z, %da, %dv
}
