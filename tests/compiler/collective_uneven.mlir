//: title groups of several sizes take one instruction each; a rank in no group of a broadcast gets zeros
//: after ranks has ranks = [[0, 1], [2, -1]]
//: after lower has 1 constant i32[1,1] = {2}
//: after lower has 1 constant i32[1,2] = {0 1}
//: after lower has 2 kind=all_reduce dst=hbm.i32[result0 +0 4] src=hbm.i32[argument0 +0 4] op=add
//: after lower has 1 kind=broadcast
//: after lower has 1 dma_copy
//: in 0 of 0 = 1 2147483646 1073741824 16777217
//: in 0 of 1 = 2 2147483644 0 33554434
//: in 0 of 2 = 3 2147483642 1073741824 50331651
//: out 0 of 0 = 3 -6 1073741824 50331651
//: out 0 of 1 = 3 -6 1073741824 50331651
//: out 0 of 2 = 3 2147483642 1073741824 50331651
//: out 1 of 0 = 0 0 0 0
//: out 1 of 1 = 3 2147483642 1073741824 50331651
//: out 1 of 2 = 3 2147483642 1073741824 50331651
module @m {mhlo.num_replicas = 3}
func @main(%x: i32[4]) -> (i32[4], i32[4]) {
  %r0 = all_reduce %x {replica_groups = [[0, 1], [2, -1]]} : i32[4] (%a: i32[], %b: i32[]) {
    %c = add %a, %b
    return %c
  }
  %r1 = collective_broadcast %x {replica_groups = [[2, 1]]} : i32[4]
  return %r0, %r1
}
