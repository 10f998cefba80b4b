//: title groups of a collective: its groups name 4, and the program has 4 replicas
//: fails input its groups name 4, and the program has 4 replicas
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[3]) -> (f32[3]) {
  %y = all_reduce %x {replica_groups = [[0, 4]]} : f32[3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
