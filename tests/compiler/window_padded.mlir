//: title a window sum over padded rows and columns, strided
//: in 0 = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
//: out 0 = 1 5 4 14 34 20 13 29 16
func @main(%x: f32[4,4]) -> (f32[3,3]) {
  %zero = constant 0.0 : f32[]
  %y = reduce_window %x, %zero {window_dimensions = [2, 2], window_strides = [2, 2],
                                padding = [[1, 1], [1, 1]]} : f32[3,3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
