//: title elements are joined by an operator
//: fails unsupported joins elements by a function that is not one operator
module @m {mhlo.num_replicas = 2}
func @main(%x: f32[3]) -> (f32[3]) {
  %y = all_reduce %x {replica_groups = [[0, 1]]} : f32[3] (%a: f32[], %b: f32[]) {
    %c = subtract %a, %b
    return %c
  }
  return %y
}
