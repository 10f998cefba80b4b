//: title zeros are written around the images of a convolution only, with ends and begins of adjacent rows at once
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower has 1 43@13 2]
//: after lower has 2 4@143 13]
//: after lower has 1 36@11 1]
//: after lower has 4 memset dst=sbuf.f32[tile
func @main(%x: f32[8,4,9,11], %w: f32[3,3,8,7], %y: f32[8,4,9,10], %v: f32[1,2,8,7]) -> (f32[7,4,9,11], f32[7,4,9,10]) {
  %a = convolution %x, %w {input_batch_dimension = 1, input_feature_dimension = 0,
                           input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 1, output_feature_dimension = 0,
                           output_spatial_dimensions = [2, 3], padding = [[1, 1], [1, 1]]} : f32[7,4,9,11]
  %b = convolution %y, %v {input_batch_dimension = 1, input_feature_dimension = 0,
                           input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 1, output_feature_dimension = 0,
                           output_spatial_dimensions = [2, 3], padding = [[0, 0], [0, 1]]} : f32[7,4,9,10]
  return %a, %b
}
