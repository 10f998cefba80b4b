//: title windows of a function of several operations: sizes that are no powers of two, strides, dilations, padding
//: in 0 = 3 -7 2 5 -5 1 0 -2 9 4 -1
//: out 0 = -7 -7 5 5 -5 -2 9 9 9
//: out 1 = -7 -7 5 9 9 9
//: out 2 = -7 -5 -7 9 5 9
//: out 3 = -7 5 5 -2 9 9
//: out 4 = 3 -7 -7 -7 -7 -7 -7 -7 9 9 9
func @main(%x: f32[11]) -> (f32[9], f32[6], f32[6], f32[6], f32[11]) {
  %zero = constant 0.0 : f32[]
  %y0 = reduce_window %x, %zero {window_dimensions = [3], window_strides = [1], window_dilations = [1],
      base_dilations = [1], padding = [[0, 0]]} : f32[9] (%a0: f32[], %b0: f32[]) {
    %c0 = abs %a0
    %d0 = abs %b0
    %p0 = compare GE %c0, %d0
    %e0 = select %p0, %a0, %b0
    return %e0
  }
  %y1 = reduce_window %x, %zero {window_dimensions = [5], window_strides = [2], window_dilations = [1],
      base_dilations = [1], padding = [[2, 2]]} : f32[6] (%a1: f32[], %b1: f32[]) {
    %c1 = abs %a1
    %d1 = abs %b1
    %p1 = compare GE %c1, %d1
    %e1 = select %p1, %a1, %b1
    return %e1
  }
  %y2 = reduce_window %x, %zero {window_dimensions = [4], window_strides = [1], window_dilations = [2],
      base_dilations = [1], padding = [[1, 0]]} : f32[6] (%a2: f32[], %b2: f32[]) {
    %c2 = abs %a2
    %d2 = abs %b2
    %p2 = compare GE %c2, %d2
    %e2 = select %p2, %a2, %b2
    return %e2
  }
  %y3 = reduce_window %x, %zero {window_dimensions = [7], window_strides = [3], window_dilations = [1],
      base_dilations = [2], padding = [[0, 3]]} : f32[6] (%a3: f32[], %b3: f32[]) {
    %c3 = abs %a3
    %d3 = abs %b3
    %p3 = compare GE %c3, %d3
    %e3 = select %p3, %a3, %b3
    return %e3
  }
  %y4 = reduce_window %x, %zero {window_dimensions = [11], window_strides = [1], window_dilations = [1],
      base_dilations = [1], padding = [[10, 0]]} : f32[11] (%a4: f32[], %b4: f32[]) {
    %c4 = abs %a4
    %d4 = abs %b4
    %p4 = compare GE %c4, %d4
    %e4 = select %p4, %a4, %b4
    return %e4
  }
  return %y0, %y1, %y2, %y3, %y4
}
