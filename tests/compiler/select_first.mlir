//: title of equal elements the first one wins, and padding is never chosen
//: in 0 = -inf 2 2 5 5 -inf
//: in 1 = 10 20 30 40
//: out 0 = 10 20 0 30 0 40
func @main(%x: f32[1,6], %s: f32[1,4]) -> (f32[1,6]) {
  %zero = constant 0.0 : f32[]
  %y = select_and_scatter %x, %s, %zero {window_dimensions = [1, 2], window_strides = [1, 2],
                                       padding = [[0, 0], [1, 1]]} : f32[1,6]
       (%a: f32[], %b: f32[]) {
    %c = compare GE %a, %b
    return %c
  } (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  return %y
}
