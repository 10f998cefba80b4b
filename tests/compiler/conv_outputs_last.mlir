//: title weights as PyTorch keeps them are laid outputs last, forward and for the gradient of the images
//: random 1
//: close 1e-5 1e-5
//: reference
//: clock 110
func @main(%x: f32[2,48,10,10], %w: f32[96,48,3,3], %g: f32[2,96,10,10]) -> (f32[2,96,10,10], f32[2,48,10,10]) {
  %r0 = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 1,
                           input_spatial_dimensions = [2, 3], kernel_input_feature_dimension = 1,
                           kernel_output_feature_dimension = 0, kernel_spatial_dimensions = [2, 3],
                           output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3], padding = [[1, 1], [1, 1]]} : f32[2,96,10,10]
  %r1 = transpose %w {permutation = [2, 3, 1, 0]} : f32[3,3,48,96]
  %r2 = reverse %r1 {dimensions = [0, 1]} : f32[3,3,48,96]
  %r3 = convolution %g, %r2 {input_batch_dimension = 0, input_feature_dimension = 1,
                           input_spatial_dimensions = [2, 3], kernel_input_feature_dimension = 3,
                           kernel_output_feature_dimension = 2, kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 1,
                           output_spatial_dimensions = [2, 3], padding = [[1, 1], [1, 1]]} : f32[2,48,10,10]
  return %r0, %r3
}
