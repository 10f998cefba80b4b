//: title integer convolutions are exact: padding, strides, groups, narrow and wide
//: random 7
//: reference
//: pe-flops 4500
func @main(%a: i8[2,9,3], %w: i8[3,3,5], %b: i32[2,4,3], %v: i32[2,3,5], %c: u16[1,7,4], %u: u16[2,2,6]) ->
    (i32[2,5,5], i32[2,3,5], u16[1,6,6]) {
  %x = convolution %a, %w {input_batch_dimension = 0, input_feature_dimension = 2, input_spatial_dimensions = [1],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 2,
                           kernel_spatial_dimensions = [0], output_batch_dimension = 0, output_feature_dimension = 2,
                           output_spatial_dimensions = [1], window_strides = [2], padding = [[1, 1]]} : i32[2,5,5]
  %y = convolution %b, %v {input_batch_dimension = 0, input_feature_dimension = 2, input_spatial_dimensions = [1],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 2,
                           kernel_spatial_dimensions = [0], output_batch_dimension = 0, output_feature_dimension = 2,
                           output_spatial_dimensions = [1]} : i32[2,3,5]
  %z = convolution %c, %u {input_batch_dimension = 0, input_feature_dimension = 2, input_spatial_dimensions = [1],
                           kernel_input_feature_dimension = 1, kernel_output_feature_dimension = 2,
                           kernel_spatial_dimensions = [0], output_batch_dimension = 0, output_feature_dimension = 2,
                           output_spatial_dimensions = [1], feature_group_count = 2} : u16[1,6,6]
  return %x, %y, %z
}
