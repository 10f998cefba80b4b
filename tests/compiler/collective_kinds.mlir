//: title every collective becomes one instruction, in place where the operand is a run of neighbours
//: after ranks has all_reduce %0 {op = "add", ranks = [[0, 1], [2, 3]]}
//: after lower has kind=all_reduce dst=hbm.f32[result0 +0 8] src=hbm.f32[argument0 +0 8] op=add
//: after lower has kind=broadcast dst=hbm.f32[result1 +0 8] src=hbm.f32[argument0 +0 8] groups
//: after lower has kind=permute dst=hbm.f32[result2 +0 8] src=hbm.f32[argument0 +0 8] groups
//: after lower has kind=all_gather dst=hbm.f32[result3 +0 32] src=hbm.f32[argument0 +0 8] groups
//: after lower has kind=reduce_scatter dst=hbm.f32[result4 +0 2] src=hbm.f32[argument0 +0 8] op=max
//: after lower has kind=all_to_all dst=hbm.f32[result5 +0 8] src=hbm.f32[argument0 +0 8] groups
//: after lower has 6 collective
//: after lower has 2 dma_copy
//: after place has program m chip=trn1 ranks=4
//: after lower has 1 constant i32[1,4] = {0 1 2 3}
//: in 0 of 0 = 0 -1 -2 -3 -4 -5 -6 -7
//: in 0 of 1 = 10 11 12 13 14 15 16 17
//: in 0 of 2 = 20 19 18 17 16 15 14 13
//: in 0 of 3 = 30 31 32 33 34 35 36 37
//: out 0 of 0 = 10 10 10 10 10 10 10 10
//: out 0 of 1 = 10 10 10 10 10 10 10 10
//: out 0 of 2 = 50 50 50 50 50 50 50 50
//: out 0 of 3 = 50 50 50 50 50 50 50 50
//: out 1 of 0 = 20 19 18 17 16 15 14 13
//: out 1 of 1 = 20 19 18 17 16 15 14 13
//: out 1 of 2 = 20 19 18 17 16 15 14 13
//: out 1 of 3 = 20 19 18 17 16 15 14 13
//: out 2 of 0 = 0 0 0 0 0 0 0 0
//: out 2 of 1 = 0 -1 -2 -3 -4 -5 -6 -7
//: out 2 of 2 = 10 11 12 13 14 15 16 17
//: out 2 of 3 = 0 0 0 0 0 0 0 0
//: out 3 of 0 = 0 -1 -2 -3 -4 -5 -6 -7 10 11 12 13 14 15 16 17 20 19 18 17 16 15 14 13 30 31 32 33 34 35 36 37
//: out 3 of 1 = 0 -1 -2 -3 -4 -5 -6 -7 10 11 12 13 14 15 16 17 20 19 18 17 16 15 14 13 30 31 32 33 34 35 36 37
//: out 3 of 2 = 0 -1 -2 -3 -4 -5 -6 -7 10 11 12 13 14 15 16 17 20 19 18 17 16 15 14 13 30 31 32 33 34 35 36 37
//: out 3 of 3 = 0 -1 -2 -3 -4 -5 -6 -7 10 11 12 13 14 15 16 17 20 19 18 17 16 15 14 13 30 31 32 33 34 35 36 37
//: out 4 of 0 = 30 31
//: out 4 of 1 = 32 33
//: out 4 of 2 = 34 35
//: out 4 of 3 = 36 37
//: out 5 of 0 = 0 -1 10 11 20 19 30 31
//: out 5 of 1 = -2 -3 12 13 18 17 32 33
//: out 5 of 2 = -4 -5 14 15 16 15 34 35
//: out 5 of 3 = -6 -7 16 17 14 13 36 37
//: out 6 of 0 = 0 -2 -4 -6 -8 -10 -12 -14
//: out 6 of 1 = 20 22 24 26 28 30 32 34
//: out 6 of 2 = 40 38 36 34 32 30 28 26
//: out 6 of 3 = 60 62 64 66 68 70 72 74
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[4,2]) -> (f32[4,2], f32[4,2], f32[4,2], f32[16,2], f32[1,2], f32[4,2], f32[4,2]) {
  %r0 = all_reduce %x {replica_groups = [[0, 1], [2, 3]]} : f32[4,2] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %r1 = collective_broadcast %x {replica_groups = [[2, 1, 0, 3]]} : f32[4,2]
  %r2 = collective_permute %x {source_target_pairs = [[0, 1], [1, 2]]} : f32[4,2]
  %r3 = all_gather %x {replica_groups = [[0, 1, 2, 3]], all_gather_dim = 0} : f32[16,2]
  %r4 = reduce_scatter %x {replica_groups = [[0, 1, 2, 3]], scatter_dimension = 0} : f32[1,2] (%d: f32[], %e: f32[]) {
    %f = maximum %d, %e
    return %f
  }
  %r5 = all_to_all %x {replica_groups = [[0, 1, 2, 3]], split_dimension = 0, concat_dimension = 0, split_count = 4} : f32[4,2]
  %r6 = add %x, %x
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6
}
