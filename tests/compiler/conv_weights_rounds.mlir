//: title more images than SBUF holds at once come in rounds of rows
//: random 1
//: close 1e-5 1e-4
//: clock 400
//: reference
func @main(%x: f32[128,16,29,28], %g: f32[128,16,29,28]) -> (f32[3,1,16,16]) {
  %y = convolution %x, %g {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 0, kernel_output_feature_dimension = 1,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2,
                           output_feature_dimension = 3, output_spatial_dimensions = [0, 1], padding = [[1, 1], [0, 0]]} : f32[3,1,16,16]
  return %y
}
