//: title windows over two arrays at once, in two dimensions: the value where another is largest
//: in 0 = 1 5 2 4 3 9 8 0 7 7 6 1
//: in 1 = 10 20 30 40 50 60 70 80 90 100 110 120
//: out 0 = 9 9 8 9 9 8
//: out 1 = 60 60 70 60 60 70
func @main(%x: f32[3,4], %v: i32[3,4]) -> (f32[2,3], i32[2,3]) {
  %low = constant -inf : f32[]
  %none = constant 0 : i32[]
  %m, %w = reduce_window %x, %v, %low, %none {window_dimensions = [2, 2], window_strides = [1, 1]} : f32[2,3], i32[2,3]
      (%a: f32[], %b: i32[], %c: f32[], %d: i32[]) {
    %p = compare GE %a, %c
    %e = select %p, %a, %c
    %f = select %p, %b, %d
    return %e, %f
  }
  return %m, %w
}
