//: title no spatial axes
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[5,7], %w: f32[7,3]) -> (f32[5,3]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1,
                           input_spatial_dimensions = [],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [],
                           output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = []} : f32[5,3]
  return %y
}
