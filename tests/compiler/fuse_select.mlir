//: title a select between floats and a number is one instruction, which finds the largest of each row where a reduction wants it
//: random 9
//: close 2e-6 1e-6
//: reference
//: after lower has 3 select_reduce
//: after lower has 1 reduce_cmd=reset_reduce
//: after lower has 2 reverse_pred
//: after lower has 1 tensor_copy_predicated
//: after lower lacks tensor_reduce
func @main(%x: f32[700,160], %y: f32[700,160], %h: bf16[700,160]) -> (f32[700,160], f32[700,160], f32[700,160], bf16[700,160]) {
  %zero = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %none = constant 0.0 : f32[700,160]
  %far = constant -1.0e30 : f32[700,160]
  %is = compare GT %x, %y : i1[700,160]
  %masked = select %is, %x, %far : f32[700,160]
  %most = reduce %masked, %low {dimensions = [1]} : f32[700] (%a: f32[], %b: f32[]) {
    %m = maximum %a, %b : f32[]
    return %m
  }
  %mosts = broadcast_in_dim %most {broadcast_dimensions = [0]} : f32[700,160]
  %apart = subtract %masked, %mosts : f32[700,160]
  %y0 = exponential %apart : f32[700,160]
  %y1 = select %is, %none, %y : f32[700,160]
  %y2 = select %is, %x, %y : f32[700,160]
  %half = constant 2.5 : bf16[700,160]
  %y3 = select %is, %half, %h : bf16[700,160]
  return %y0, %y1, %y2, %y3
}
