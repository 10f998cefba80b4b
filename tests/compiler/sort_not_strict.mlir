//: title a comparator that calls equal elements smaller is refused
//: fails unsupported the comparator is no order
func @main(%x: f32[7]) -> (f32[7]) {
  %y = sort %x {dimension = 0, is_stable = true} : f32[7] (%a: f32[], %b: f32[]) {
    %v1 = compare LE %a, %b {compare_type = FLOAT}
    return %v1
  }
  return %y
}
