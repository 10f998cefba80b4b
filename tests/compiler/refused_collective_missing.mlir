//: title groups of a collective: its groups have 2 members, the program 4
//: fails input its groups have 2 members, the program 4
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[3]) -> (f32[3]) {
  %y = all_reduce %x {replica_groups = [[0, 1]]} : f32[3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
