//: title every collective becomes one instruction, in place where the operand is a run of neighbours
//: after ranks has all_reduce %0 {op = "add", ranks = [[0, 1], [2, 3]]}
//: after lower has kind=all_reduce dst=hbm.f32[result0 +0 32] src=hbm.f32[argument0 +0 32] op=add
//: after lower has kind=broadcast dst=hbm.f32[result1 +0 32] src=hbm.f32[argument0 +0 32] groups
//: after lower has kind=permute dst=hbm.f32[result2 +0 32] src=hbm.f32[argument0 +0 32] groups
//: after lower has kind=all_gather dst=hbm.f32[result3 +0 128] src=hbm.f32[argument0 +0 32] groups
//: after lower has kind=reduce_scatter dst=hbm.f32[result4 +0 8] src=hbm.f32[argument0 +0 32] op=max
//: after lower has kind=all_to_all dst=hbm.f32[result5 +0 32] src=hbm.f32[argument0 +0 32] groups
//: after lower has 6 collective
//: after lower has 2 dma_copy
//: after place has program m chip=trn1 ranks=4
//: after lower has 1 constant i32[1,4] = {0 1 2 3}
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[4,8]) -> (f32[4,8], f32[4,8], f32[4,8], f32[16,8], f32[1,8], f32[4,8], f32[4,8]) {
  %r0 = all_reduce %x {replica_groups = [[0, 1], [2, 3]]} : f32[4,8] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %r1 = collective_broadcast %x {replica_groups = [[2, 1, 0, 3]]} : f32[4,8]
  %r2 = collective_permute %x {source_target_pairs = [[0, 1], [1, 2]]} : f32[4,8]
  %r3 = all_gather %x {replica_groups = [[0, 1, 2, 3]], all_gather_dim = 0} : f32[16,8]
  %r4 = reduce_scatter %x {replica_groups = [[0, 1, 2, 3]], scatter_dimension = 0} : f32[1,8] (%d: f32[], %e: f32[]) {
    %f = maximum %d, %e
    return %f
  }
  %r5 = all_to_all %x {replica_groups = [[0, 1, 2, 3]], split_dimension = 0, concat_dimension = 0, split_count = 4} : f32[4,8]
  %r6 = negate %x
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6
}
