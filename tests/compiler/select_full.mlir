//: title the gradient of max pooling over rows that together would just not fit a partition
//: random 4
//: close 1e-6 1e-5
//: reference
func @main(%x: f32[1,1000,8], %s: f32[1,999,8], %y: bf16[1,7001], %t: bf16[1,7002]) -> (f32[1,1000,8], bf16[1,7001]) {
  %zero = constant 0.0 : f32[]
  %nought = constant 0.0 : bf16[]
  %a = select_and_scatter %x, %s, %zero {window_dimensions = [1, 4, 1], padding = [[0, 0], [2, 0], [0, 0]]} : f32[1,1000,8]
       (%a1: f32[], %a2: f32[]) {
    %c = compare GE %a1, %a2
    return %c
  } (%a3: f32[], %a4: f32[]) {
    %f = add %a3, %a4
    return %f
  }
  %b = select_and_scatter %y, %t, %nought {window_dimensions = [1, 2], padding = [[0, 0], [1, 1]]} : bf16[1,7001]
       (%b1: bf16[], %b2: bf16[]) {
    %g = compare GE %b1, %b2
    return %g
  } (%b3: bf16[], %b4: bf16[]) {
    %h = add %b3, %b4
    return %h
  }
  return %a, %b
}
