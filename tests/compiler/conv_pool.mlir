//: title pooling between convolutions moves over images as they lie there, and its gradient, with ties, selects the same places
//: random 1
//: close 1e-5 1e-5
//: reference
//: after channels has window_dimensions = [1, 1, 2, 2]
//: after channels has window_dimensions = [1, 1, 3, 2]
//: after channels has padding = [[0, 0], [0, 0], [1, 1], [0, 1]]
//: after channels lacks window_dimensions = [1, 2, 2, 1]
func @main(%x: f32[32,8,8,4], %w: f32[3,3,4,8], %v: f32[3,3,8,16], %s: f32[32,4,4,8]) -> (f32[32,4,4,16], f32[32,8,8,8], f32[32,4,4,8]) {
  %zero = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %none = constant 0.0 : f32[32,8,8,8]
  %u = convolution %x, %w {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], padding = [[1, 1], [1, 1]]} : f32[32,8,8,8]
  %h = maximum %u, %none : f32[32,8,8,8]
  %p = reduce_window %h, %low {window_dimensions = [1, 2, 2, 1], window_strides = [1, 2, 2, 1]} : f32[32,4,4,8] (%a: f32[], %b: f32[]) {
    %c = maximum %a, %b
    return %c
  }
  %o = reduce_window %h, %low {window_dimensions = [1, 3, 2, 1], window_strides = [1, 2, 2, 1],
                               padding = [[0, 0], [1, 1], [0, 1], [0, 0]]} : f32[32,4,4,8] (%i: f32[], %j: f32[]) {
    %k = maximum %i, %j
    return %k
  }
  %y = convolution %p, %v {input_batch_dimension = 0, input_feature_dimension = 3,
                           input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1],
                           output_batch_dimension = 0, output_feature_dimension = 3,
                           output_spatial_dimensions = [1, 2], padding = [[1, 1], [1, 1]]} : f32[32,4,4,16]
  %g = select_and_scatter %h, %s, %zero {window_dimensions = [1, 2, 2, 1], window_strides = [1, 2, 2, 1]} : f32[32,8,8,8]
       (%l: f32[], %m: f32[]) {
    %n = compare GE %l, %m
    return %n
  } (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  return %y, %g, %o
}
