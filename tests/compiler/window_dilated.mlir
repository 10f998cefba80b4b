//: title both dilations, padding that also cuts off
//: random 4
//: close 1e-6 1e-6
//: reference
func @main(%x: f32[2,9,9,3]) -> (f32[2,11,6,3]) {
  %start = constant 0.0 : f32[]
  %y = reduce_window %x, %start {window_dimensions = [1, 2, 3, 1], window_strides = [1, 2, 1, 1],
                                 padding = [[0, 0], [1, 6], [1, -2], [0, 0]], base_dilations = [1, 2, 1, 1],
                                 window_dilations = [1, 3, 1, 1]} : f32[2,11,6,3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
