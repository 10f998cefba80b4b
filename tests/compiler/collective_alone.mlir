//: title groups of one exchange nothing
//: after ranks lacks all_
//: after ranks lacks permute
//: after ranks lacks partition_id
//: in 0 = 1 2 3
//: out 0 = 1 2 3
//: out 1 = 1 2 3
//: out 2 = 1 2 3
//: out 3 = 0 0 0
//: out 4 = 0
func @main(%x: f32[3]) -> (f32[3], f32[3], f32[3], f32[3], u32[]) {
  %r0 = all_reduce %x {replica_groups = [[0]]} : f32[3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %r1 = all_gather %x {replica_groups = [], all_gather_dim = 0} : f32[3]
  %r2 = collective_permute %x {source_target_pairs = [[0, 0]]} : f32[3]
  %r3 = collective_permute %x {source_target_pairs = []} : f32[3]
  %r4 = partition_id : u32[]
  return %r0, %r1, %r2, %r3, %r4
}
