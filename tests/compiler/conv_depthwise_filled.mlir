//: title partitions are filled by sets of images: 16 of 144 channels by 8
//: random 1
//: close 3e-5 3e-4
//: reference
//: pe-flops 0
//: after place lacks nc_matmul
//: clock 150
func @main(%x: f32[144,16,16,16], %w: f32[144,1,5,5]) -> (f32[144,16,16,16]) {
  %y = convolution %x, %w {input_batch_dimension = 1, input_feature_dimension = 0, input_spatial_dimensions = [2, 3],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 0,
                           kernel_spatial_dimensions = [2, 3], output_batch_dimension = 1, output_feature_dimension = 0,
                           output_spatial_dimensions = [2, 3],
                           padding = [[2, 2], [2, 2]], feature_group_count = 144} : f32[144,16,16,16]
  return %y
}
