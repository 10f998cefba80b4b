//: title min pooling with features before pixels
//: random 4
//: reference
func @main(%x: f32[2,5,9,11]) -> (f32[2,5,4,5]) {
  %start = constant inf : f32[]
  %y = reduce_window %x, %start {window_dimensions = [1, 1, 2, 2], window_strides = [1, 1, 2, 2]} : f32[2,5,4,5] (%a: f32[], %b: f32[]) {
    %c = minimum %a, %b
    return %c
  }
  return %y
}
