//: title the gradient of 2 x 2 max pooling
//: random 4
//: close 1e-6 1e-5
//: reference
func @main(%x: f32[2,8,6,5], %s: f32[2,4,3,5]) -> (f32[2,8,6,5]) {
  %zero = constant 0.0 : f32[]
  %y = select_and_scatter %x, %s, %zero {window_dimensions = [1, 2, 2, 1], window_strides = [1, 2, 2, 1]} : f32[2,8,6,5]
       (%a: f32[], %b: f32[]) {
    %c = compare GE %a, %b
    return %c
  } (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  return %y
}
