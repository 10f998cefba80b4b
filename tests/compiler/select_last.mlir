//: title under GT the last of equal elements wins
//: in 0 = 1 1 2 2 4 3
//: in 1 = 10 20 30
//: out 0 = 0 10 0 20 30 0
func @main(%x: f32[1,6], %s: f32[1,3]) -> (f32[1,6]) {
  %zero = constant 0.0 : f32[]
  %y = select_and_scatter %x, %s, %zero {window_dimensions = [1, 2], window_strides = [1, 2]} : f32[1,6]
       (%a: f32[], %b: f32[]) {
    %c = compare GT %a, %b
    return %c
  } (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  return %y
}
