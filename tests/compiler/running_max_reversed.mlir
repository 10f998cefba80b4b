//: title a running maximum from the end
//: random 4
//: reference
func @main(%x: f32[500,3]) -> (f32[500,3]) {
  %start = constant -inf : f32[]
  %y = reduce_window %x, %start {window_dimensions = [500, 1], padding = [[0, 499], [0, 0]]} : f32[500,3] (%a: f32[], %b: f32[]) {
    %c = maximum %a, %b
    return %c
  }
  return %y
}
