//: title images smaller than the window: the result lies as weights do, and costs no descriptor an element
//: random 1
//: close 1e-5 1e-5
//: reference
//: clock 70
func @main(%x: f32[4,96,2,2], %g: f32[4,128,2,2]) -> (f32[3,3,96,128]) {
  %y = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2,
                           output_feature_dimension = 3, output_spatial_dimensions = [0, 1], padding = [[1, 1], [1, 1]]} : f32[3,3,96,128]
  return %y
}
