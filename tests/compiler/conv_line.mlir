//: title one spatial axis
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[2,300,7], %w: f32[9,7,11]) -> (f32[2,300,11]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 2,
                           input_spatial_dimensions = [1],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 2,
                           kernel_spatial_dimensions = [0],
                           output_batch_dimension = 0, output_feature_dimension = 2,
                           output_spatial_dimensions = [1], padding = [[4, 4]]} : f32[2,300,11]
  return %y
}
