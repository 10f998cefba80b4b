//: title a convolution's readers take it from PSUM, with rows of several axes on the partitions
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower lacks dst=hbm.f32[convolution
func @main(%x: f32[2,9,11,5], %w: f32[3,3,5,160], %more: f32[2,9,11,160]) -> (f32[2,9,11,160]) {
  %zero = constant 0.0 : f32[2,9,11,160]
  %u = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], padding = [[1, 1], [1, 1]]} : f32[2,9,11,160]
  %h = maximum %u, %zero : f32[2,9,11,160]
  %y = add %h, %more : f32[2,9,11,160]
  return %y
}
