//: title what a comparator computes first is computed once for each element
//: in 0 = -3 1 0 2 -1 3 -2
//: out 0 = -3 3 2 -2 1 -1 0
//: after sort has 1 multiply
func @main(%x: f32[7]) -> (f32[7]) {
  %y = sort %x {dimension = 0, is_stable = true} : f32[7] (%a: f32[], %b: f32[]) {
    %v0 = multiply %a, %a
    %v1 = multiply %b, %b
    %v2 = compare GT %v0, %v1 {compare_type = FLOAT}
    return %v2
  }
  return %y
}
