//: title padding holds the start value, which need not be neutral
//: random 4
//: close 1e-6 1e-6
//: reference
func @main(%x: f32[2,8,3]) -> (f32[2,5,3]) {
  %start = constant 3.0 : f32[]
  %y = reduce_window %x, %start {window_dimensions = [1, 2, 1], window_strides = [1, 2, 1],
                                 padding = [[0, 0], [1, 1], [0, 0]]} : f32[2,5,3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
