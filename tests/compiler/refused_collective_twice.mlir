//: title groups of a collective: have a member twice
//: fails input have a member twice
module @m {mhlo.num_replicas = 4}
func @main(%x: f32[3]) -> (f32[3]) {
  %y = all_reduce %x {replica_groups = [[0, 1], [1, 2]]} : f32[3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
