//: title reshapes that split, join and drop axes, of tensors and of views that do not lie together
//: random 9
//: reference
func @main(%a: f32[6,129], %b: i32[2,3,5,7], %c: f32[], %d: f32[0,4], %e: bf16[513]) ->
    (f32[774], f32[2,3,3,43], i32[30,7], i32[7,30], i32[5,42], f32[1,1,1], f32[2,0], bf16[27,19], f32[129,2,3], f32[43,18], bf16[19,27,1]) {
  %r0 = reshape %a : f32[774]
  %r1 = reshape %a : f32[2,3,3,43]
  %r2 = reshape %b : i32[30,7]
  %t = transpose %b {permutation = [3, 0, 2, 1]} : i32[7,2,5,3]
  %r3 = reshape %t : i32[7,30]
  %r4 = reshape %t : i32[5,42]
  %r5 = reshape %c : f32[1,1,1]
  %r6 = reshape %d : f32[2,0]
  %r7 = reshape %e : bf16[27,19]
  %u = transpose %a {permutation = [1, 0]} : f32[129,6]
  %r8 = reshape %u : f32[129,2,3]
  %r9 = reshape %u : f32[43,18]
  %v = reverse %r7 {dimensions = [0]} : bf16[27,19]
  %r10 = reshape %v : bf16[19,27,1]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10
}
