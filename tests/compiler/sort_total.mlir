//: title a total order sorts by bits: -0 before +0, NaN outside the infinities
//: in 0 = 0 nan 3 -inf -0 inf 2 -1
//: out 0 = -inf -1 -0 0 2 3 inf nan
//: after sort has 1 compare LT
func @main(%x: f32[8]) -> (f32[8]) {
  %y = sort %x {dimension = 0, is_stable = true} : f32[8] (%a: f32[], %b: f32[]) {
    %c = compare LT %a, %b {compare_type = TOTALORDER}
    return %c
  }
  return %y
}
