//: title concatenations and pads of short runs and steps are put together in SBUF
//: random 50
//: reference
//: after lower has 3 vector.memset
//: after lower has 12 vector.tensor_copy
func @main(%a: f32[5,67,3,32], %b: f32[5,67,3,32], %c: bf16[131,131], %d: i32[131,77], %e: i8[67,9,11], %f: i32[4,30,10,10]) ->
    (f32[5,67,3,64], f32[5,67,3,32,2], bf16[131,264], i32[131,160], i8[67,9,33], i32[4,30,13,11], f32[5,67,3,32]) {
  %halves = concatenate %a, %b {dimension = 3} : f32[5,67,3,64]
  %a5 = reshape %a : f32[5,67,3,32,1]
  %b5 = reshape %b : f32[5,67,3,32,1]
  %stack = concatenate %a5, %b5 {dimension = 4} : f32[5,67,3,32,2]
  %half = constant 0.5 : bf16[]
  %steps = pad %c, %half {edge_padding_low = [0, 2], edge_padding_high = [0, 1], interior_padding = [0, 1]} : bf16[131,264]
  %seven = constant 7 : i32[131,83]
  %splat = concatenate %seven, %d {dimension = 1} : i32[131,160]
  %turned = reverse %e {dimensions = [2]} : i8[67,9,11]
  %three = concatenate %e, %turned, %e {dimension = 2} : i8[67,9,33]
  %minus = constant -1 : i32[]
  %image = pad %f, %minus {edge_padding_low = [0, 0, 1, -3], edge_padding_high = [0, 0, 2, 4], interior_padding = [0, 0, 0, 0]} : i32[4,30,13,11]
  %slice = slice %stack {start_indices = [0, 0, 0, 0, 1], limit_indices = [5, 67, 3, 32, 2], strides = [1, 1, 1, 1, 1]} : f32[5,67,3,32,1]
  %back = reshape %slice : f32[5,67,3,32]
  return %halves, %stack, %steps, %splat, %three, %image, %back
}
