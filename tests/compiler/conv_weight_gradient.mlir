//: title windows as large as the image: depth over batch and pixels
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[16,13,13,6], %w: f32[16,13,13,20]) -> (f32[3,3,6,20]) {
  %y = convolution %x, %w {input_batch_dimension = 3, input_feature_dimension = 0,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [1, 2],
                           output_batch_dimension = 2, output_feature_dimension = 3,
                           output_spatial_dimensions = [0, 1], padding = [[1, 1], [1, 1]]} : f32[3,3,6,20]
  return %y
}
