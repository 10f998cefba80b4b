//: title images channel by channel between convolutions: padded, strided, of one tap, and their statistics
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[6,12,10,5], %a: f32[3,3,5,24], %b: f32[3,3,24,7], %c: f32[1,1,24,7], %s: f32[24]) -> (f32[6,6,5,7], f32[24], f32[6,24]) {
  %zero = constant 0.0 : f32[6,12,10,24]
  %none = constant 0.0 : f32[]
  %y = convolution %x, %a {input_batch_dimension = 0, input_feature_dimension = 3, input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1], output_batch_dimension = 0,
                           output_feature_dimension = 3, output_spatial_dimensions = [1, 2],
                           padding = [[1, 1], [1, 1]]} : f32[6,12,10,24]
  %scale = broadcast_in_dim %s {broadcast_dimensions = [3]} : f32[6,12,10,24]
  %scaled = multiply %y, %scale : f32[6,12,10,24]
  %h = maximum %scaled, %zero : f32[6,12,10,24]
  %sum = reduce %h, %none {dimensions = [0, 1, 2]} : f32[24] (%p: f32[], %q: f32[]) {
    %r = add %p, %q : f32[]
    return %r
  }
  %mean = reduce %h, %none {dimensions = [1, 2]} : f32[6,24] (%e: f32[], %f: f32[]) {
    %g = add %e, %f : f32[]
    return %g
  }
  %u = convolution %h, %b {input_batch_dimension = 0, input_feature_dimension = 3, input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1], output_batch_dimension = 0,
                           output_feature_dimension = 3, output_spatial_dimensions = [1, 2],
                           padding = [[0, 1], [1, 1]], window_strides = [2, 2]} : f32[6,6,5,7]
  %v = convolution %h, %c {input_batch_dimension = 0, input_feature_dimension = 3, input_spatial_dimensions = [1, 2],
                           kernel_input_feature_dimension = 2, kernel_output_feature_dimension = 3,
                           kernel_spatial_dimensions = [0, 1], output_batch_dimension = 0,
                           output_feature_dimension = 3, output_spatial_dimensions = [1, 2],
                           padding = [[0, -1], [0, -1]], window_strides = [2, 2]} : f32[6,6,5,7]
  %w = add %u, %v : f32[6,6,5,7]
  return %w, %sum, %mean
}
