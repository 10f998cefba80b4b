//: title the shapes of a collective fit its groups
//: fails input its shapes are those of groups of 2, group 0 has 4
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[3]) -> (f32[6]) {
  %y = all_gather %x {replica_groups = [[0, 1, 2, 3]], all_gather_dim = 0} : f32[6]
  return %y
}
