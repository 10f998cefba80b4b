//: title lines instead of images, as of audio: blocks of places fill the partitions, the last one is short
//: random 1
//: close 1e-5 1e-5
//: reference
//: clock 80
func @main(%x: f32[2,20,1,619], %g: f32[2,24,1,307]) -> (f32[1,6,20,24]) {
  %y = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2,
                           output_feature_dimension = 3, output_spatial_dimensions = [0, 1], padding = [[0, 0], [0, -1]],
                           rhs_dilation = [1, 2]} : f32[1,6,20,24]
  return %y
}
