//: title running maxima and sums along an axis that lies across, or is too long for a tile and goes backwards
//: in 0 = -3..11
//: in 1 = -2..2
//: reference
//: after lower has nc_transpose
func @main(%x: f32[300,70], %y: f32[3,4200]) -> (f32[300,70], f32[3,4200]) {
  %start = constant -inf : f32[]
  %zero = constant 0.0 : f32[]
  %a = reduce_window %x, %start {window_dimensions = [300, 1], padding = [[299, 0], [0, 0]]} : f32[300,70] (%p: f32[], %q: f32[]) {
    %m = maximum %p, %q
    return %m
  }
  %b = reduce_window %y, %zero {window_dimensions = [1, 4200], padding = [[0, 0], [0, 4199]]} : f32[3,4200] (%r: f32[], %s: f32[]) {
    %n = add %r, %s
    return %n
  }
  return %a, %b
}
