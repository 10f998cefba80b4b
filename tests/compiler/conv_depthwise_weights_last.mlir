//: title many weights as JAX keeps them: their gradient is turned in SBUF
//: random 1
//: close 3e-5 3e-4
//: reference
//: pe-flops 0
func @main(%x: f32[480,3,6,6], %g: f32[480,3,6,6], %w: f32[3,3,1,480]) -> (f32[3,3,1,480]) {
  %dw = convolution %x, %g {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2, output_feature_dimension = 3,
                           output_spatial_dimensions = [0, 1],
                           padding = [[1, 1], [1, 1]], batch_group_count = 480} : f32[3,3,1,480]
  %t = subtract %w, %dw : f32[3,3,1,480]
  return %t
}
