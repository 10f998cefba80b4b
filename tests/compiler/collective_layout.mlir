//: title an axis that is joined inside: each copy put in its place behind, or the axis first; one that is cut comes first
//: after lower has 1 kind=all_gather dst=hbm.f32[received.3 +0 128] src=hbm.f32[argument0 +0 32]
//: after lower has 1 dst=hbm.f32[result0 +0 1@0 4@32 4@8 8] src=hbm.f32[received.3 +0 1@0 4@8 4@32 8]
//: after lower has 1 src=hbm.f32[argument1 +0 1@0 4@128 2@512 128]
//: after lower has 1 kind=all_gather dst=hbm.f32[received.7 +0 4096] src=hbm.f32[sent.6 +0 1024]
//: after lower has 1 kind=reduce_scatter dst=hbm.f32[result2 +0 16] src=hbm.f32[sent.9 +0 64]
//: after lower has 1 kind=all_reduce dst=hbm.f32[received.11 +0 32] src=hbm.f32[argument0 +0 32]
//: after lower has 1 kind=all_to_all dst=hbm.bf16[result4 +0 64] src=hbm.bf16[sent.13 +0 64]
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[4,8], %y: f32[2,4,128], %z: bf16[16,4]) -> (f32[4,32], f32[2,16,128], f32[4,4], f32[8,4], bf16[64,1]) {
  %r0 = all_gather %x {replica_groups = [[0, 1, 2, 3]], all_gather_dim = 1} : f32[4,32]
  %u = all_gather %y {replica_groups = [[0, 1, 2, 3]], all_gather_dim = 1} : f32[2,16,128]
  %r1 = negate %u
  %w = slice %x {start_indices = [0, 0], limit_indices = [4, 8], strides = [1, 2]} : f32[4,4]
  %v = concatenate %w, %w, %w, %w {dimension = 1} : f32[4,16]
  %r2 = reduce_scatter %v {replica_groups = [[0, 1, 2, 3]], scatter_dimension = 1} : f32[4,4] (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  %t = transpose %x {permutation = [1, 0]} : f32[8,4]
  %r3 = all_reduce %t {replica_groups = [[0, 1], [2, 3]]} : f32[8,4] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %r4 = all_to_all %z {replica_groups = [[0, 1, 2, 3]], split_dimension = 1, concat_dimension = 0, split_count = 4} : bf16[64,1]
  return %r0, %r1, %r2, %r3, %r4
}
