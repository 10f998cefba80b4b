//: title slices with strides, of slices, to nothing, and reversed
//: random 9
//: reference
func @main(%a: f32[513], %b: i32[7,129,3], %c: bf16[5,33]) ->
    (f32[127], f32[1], f32[0], i32[3,43,2], i32[2,20,1], f32[513], i32[7,129,3], i32[7,129,3], bf16[5,11], f32[127]) {
  %r0 = slice %a {start_indices = [5], limit_indices = [510], strides = [4]} : f32[127]
  %r1 = slice %a {start_indices = [512], limit_indices = [513], strides = [9]} : f32[1]
  %r2 = slice %a {start_indices = [513], limit_indices = [513], strides = [1]} : f32[0]
  %r3 = slice %b {start_indices = [1, 0, 1], limit_indices = [7, 129, 3], strides = [2, 3, 1]} : i32[3,43,2]
  %r4 = slice %r3 {start_indices = [1, 2, 0], limit_indices = [3, 42, 1], strides = [1, 2, 1]} : i32[2,20,1]
  %r5 = reverse %a {dimensions = [0]} : f32[513]
  %r6 = reverse %b {dimensions = [2, 0]} : i32[7,129,3]
  %r7 = reverse %r6 {dimensions = [1, 2]} : i32[7,129,3]
  %back = reverse %c {dimensions = [1]} : bf16[5,33]
  %r8 = slice %back {start_indices = [0, 1], limit_indices = [5, 33], strides = [1, 3]} : bf16[5,11]
  %again = reverse %r0 {dimensions = [0]} : f32[127]
  %r9 = subtract %r0, %again
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9
}
