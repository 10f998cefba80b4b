//: title members by replica, by partition, by replica with all its partitions, and by rank
//: after ranks has 1 {op = "add", ranks = [[0, 2], [1, 3]]}
//: after ranks has 1 {op = "add", ranks = [[0, 2, 1, 3]]}
//: after ranks has 1 {op = "add", ranks = [[0, 3], [1, 2]]}
//: after ranks has 1 {split_dimension = 0, concat_dimension = 0, ranks = [[1, 0], [3, 2]]}
//: after ranks has 1 {ranks = [[1, 0], [3, 2]]} : f32[2]
//: after ranks has 1 {ranks = [[2, 0], [3, 1]]} : f32[2]
//: after ranks has 1 {op = "multiply", ranks = [[0, 1, 2, 3]]}
//: after ranks has 2 rank {ranks = 4}
//: in 0 of 0 = 1 0
//: in 0 of 1 = 2 10
//: in 0 of 2 = 3 20
//: in 0 of 3 = 4 30
//: out 0 of 0 = 4 20
//: out 0 of 1 = 6 40
//: out 0 of 2 = 4 20
//: out 0 of 3 = 6 40
//: out 1 of 0 = 10 60
//: out 1 of 1 = 10 60
//: out 1 of 2 = 10 60
//: out 1 of 3 = 10 60
//: out 2 of 0 = 5 30
//: out 2 of 1 = 5 30
//: out 2 of 2 = 5 30
//: out 2 of 3 = 5 30
//: out 3 of 0 = 10 0
//: out 3 of 1 = 2 1
//: out 3 of 2 = 30 20
//: out 3 of 3 = 4 3
//: out 4 of 0 = 2 10
//: out 4 of 1 = 2 10
//: out 4 of 2 = 4 30
//: out 4 of 3 = 4 30
//: out 5 of 0 = 3 20
//: out 5 of 1 = 4 30
//: out 5 of 2 = 3 20
//: out 5 of 3 = 4 30
//: out 6 of 0 = 24 0
//: out 6 of 1 = 24 0
//: out 6 of 2 = 24 0
//: out 6 of 3 = 24 0
//: out 7 of 0 = 0
//: out 7 of 1 = 1
//: out 7 of 2 = 0
//: out 7 of 3 = 1
//: out 8 of 0 = 0
//: out 8 of 1 = 0
//: out 8 of 2 = 1
//: out 8 of 3 = 1
module @m {mhlo.num_replicas = 2, mhlo.num_partitions = 2}
func @main(%x: f32[2]) -> (f32[2], f32[2], f32[2], f32[2], f32[2], f32[2], f32[2], u32[], u32[]) {
  %r0 = all_reduce %x {replica_groups = [[0, 1]]} : f32[2] (%a0: f32[], %b0: f32[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %r1 = all_reduce %x {replica_groups = [[0, 1]], channel_id = 1} : f32[2] (%a1: f32[], %b1: f32[]) {
    %c1 = add %a1, %b1
    return %c1
  }
  %r2 = all_reduce %x {replica_groups = [[0, 3], [1, 2]], channel_id = 1, use_global_device_ids = true} : f32[2] (%a2: f32[], %b2: f32[]) {
    %c2 = add %a2, %b2
    return %c2
  }
  %r3 = all_to_all %x {replica_groups = [[1, 0]], channel_id = 1, split_dimension = 0, concat_dimension = 0, split_count = 2} : f32[2]
  %r4 = collective_broadcast %x {replica_groups = [[1, 0]], channel_id = 1} : f32[2]
  %r5 = collective_broadcast %x {replica_groups = [[1, 0]]} : f32[2]
  %r6 = all_reduce %x {replica_groups = [], channel_id = 1, use_global_device_ids = true} : f32[2] (%a6: f32[], %b6: f32[]) {
    %c6 = multiply %a6, %b6
    return %c6
  }
  %r7 = partition_id : u32[]
  %r8 = replica_id : u32[]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8
}
