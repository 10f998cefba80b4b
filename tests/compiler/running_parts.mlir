//: title running sums and maxima of few long rows are walked in parts side by side
//: in 0 = -3..11
//: in 1 = -9..-2 nan -7
//: in 2 = -2..2
//: reference
//: after lower has tensor_reduce
func @main(%x: f32[9000], %y: f32[2,4104], %z: f32[3,4096]) -> (f32[9000], f32[2,4104], f32[3,4096]) {
  %start = constant -inf : f32[]
  %zero = constant 0.0 : f32[]
  %a = reduce_window %x, %zero {window_dimensions = [9000], padding = [[8999, 0]]} : f32[9000] (%p: f32[], %q: f32[]) {
    %m = add %p, %q
    return %m
  }
  %b = reduce_window %y, %start {window_dimensions = [1, 4104], padding = [[0, 0], [4103, 0]]} : f32[2,4104] (%r: f32[], %s: f32[]) {
    %n = maximum %r, %s
    return %n
  }
  %c = reduce_window %z, %zero {window_dimensions = [1, 4096], padding = [[0, 0], [0, 4095]]} : f32[3,4096] (%t: f32[], %u: f32[]) {
    %o = add %t, %u
    return %o
  }
  return %a, %b, %c
}
