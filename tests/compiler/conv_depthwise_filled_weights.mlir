//: title the same of the weights' gradient, which its reader wants channel by channel
//: random 1
//: close 3e-5 3e-4
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
//: after fold lacks transpose
//: clock 150
func @main(%x: f32[144,16,16,16], %g: f32[144,16,16,16]) -> (f32[144,1,5,5]) {
  %dw = convolution %x, %g {input_batch_dimension = 0, input_feature_dimension = 1, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 2, output_feature_dimension = 3,
                           output_spatial_dimensions = [0, 1],
                           padding = [[2, 2], [2, 2]], batch_group_count = 144} : f32[5,5,1,144]
  %t = transpose %dw {permutation = [3, 2, 0, 1]} : f32[144,1,5,5]
  return %t
}
