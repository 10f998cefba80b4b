//: title windows of one place, and patches that do not overlap, are plain products of two images
//: random 1
//: close 1e-5 1e-5
//: reference
//: clock 40
func @main(%x: f32[4,20,12,12], %g: f32[4,48,12,12], %y: f32[2,3,32,32], %h: f32[2,40,4,4])
    -> (f32[1,1,20,48], f32[8,8,3,40]) {
  %r0 = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2,
                           output_feature_dimension = 3, output_spatial_dimensions = [0, 1], padding = [[0, 0], [0, 0]]} : f32[1,1,20,48]
  %r1 = convolution %y, %h {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2,
                           output_feature_dimension = 3, output_spatial_dimensions = [0, 1], padding = [[0, 0], [0, 0]],
                           rhs_dilation = [8, 8]} : f32[8,8,3,40]
  return %r0, %r1
}
