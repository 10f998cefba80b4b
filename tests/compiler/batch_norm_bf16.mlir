//: title batch norm in bf16 computes in fp32; along the last axis; of rank 1
//: in 0 = 1 2 3 4 -1 0 2 8
//: in 1 = 1 1
//: in 2 = 0 0
//: in 3 = 5 7
//: in 4 = 2 3
//: close 4e-3 0
//: out 0 = -0.168992236 -0.507063568 1.18294561 0.169021189 -1.52093005 -1.18314826 0.506976664 1.52119064
//: out 1 = 1.25 3.5
//: out 2 = 2.1875 8.75
//: out 3 = 2 3
//: out 4 = 5 7
//: out 5 = 0 0
func @main(%x: bf16[4,2], %one: bf16[2], %zero: bf16[2], %r: f32[2], %s: f32[2]) ->
    (bf16[4,2], bf16[2], bf16[2], f32[2], f32[2], f32[2]) {
  %y, %m, %v = batch_norm_training %x, %one, %zero {epsilon = 1.0e-3, feature_index = 1} : bf16[4,2], bf16[2], bf16[2]
  %z, %w, %u = batch_norm_training %r, %r, %s {epsilon = 1.0e-3, feature_index = 0} : f32[2], f32[2], f32[2]
  return %y, %m, %v, %z, %w, %u
}
