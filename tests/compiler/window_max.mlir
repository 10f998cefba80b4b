//: title max pooling with overlap and padding
//: random 4
//: reference
func @main(%x: f32[2,9,11,5]) -> (f32[2,5,6,5]) {
  %start = constant -inf : f32[]
  %y = reduce_window %x, %start {window_dimensions = [1, 3, 3, 1], window_strides = [1, 2, 2, 1],
                                 padding = [[0, 0], [1, 1], [1, 1], [0, 0]]} : f32[2,5,6,5] (%a: f32[], %b: f32[]) {
    %c = maximum %a, %b
    return %c
  }
  return %y
}
