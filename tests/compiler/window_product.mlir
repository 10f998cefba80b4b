//: title products over all axes
//: random 2
//: close 1e-6 1e-6
//: reference
func @main(%x: f32[5,6,7,4]) -> (f32[3,4,3,3]) {
  %start = constant 1.0 : f32[]
  %y = reduce_window %x, %start {window_dimensions = [2, 3, 2, 2], window_strides = [2, 1, 2, 1],
                                 padding = [[0, 1], [0, 0], [0, -1], [0, 0]]} : f32[3,4,3,3] (%a: f32[], %b: f32[]) {
    %c = multiply %a, %b
    return %c
  }
  return %y
}
