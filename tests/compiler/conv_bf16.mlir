//: title bf16 operands, fp32 sums
//: random 1
//: close 8e-3 1e-5
//: reference
func @main(%x: bf16[2,8,8,16], %w: bf16[3,3,16,8]) -> (bf16[2,8,8,8]) {
  %y = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], padding = [[1, 1], [1, 1]]} : bf16[2,8,8,8]
  return %y
}
