//: title few features are rows of few DMA engines, to which weights come faster turned
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower has outputs_last
func @main(%x: f32[24,4,9,8], %w: f32[96,24,1,1]) -> (f32[96,4,9,8]) {
  %y = convolution %x, %w {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 1,
                           output_feature_dimension = 0, output_spatial_dimensions = [2, 3]} : f32[96,4,9,8]
  return %y
}
