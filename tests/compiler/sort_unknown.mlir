//: title a comparator that orders nothing known is refused
//: fails unsupported the comparator is no order
func @main(%x: f32[7]) -> (f32[7]) {
  %y = sort %x {dimension = 0, is_stable = true} : f32[7] (%a: f32[], %b: f32[]) {
    %v0 = add %b, %b
    %v1 = compare LT %a, %v0 {compare_type = FLOAT}
    return %v1
  }
  return %y
}
