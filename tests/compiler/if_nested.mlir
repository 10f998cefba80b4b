//: title if in if: region 0 is the true one; a value made before is read in a branch and after it
//: in 0 = 1 2 3
//: in 1 = 1
//: in 2 = 0
//: out 0 = -2 -4 -6
//: out 1 = 1 2 3
//: out 2 = 3 6 9
func @main(%x: f32[3], %p: i1[], %q: i1[]) -> (f32[3], f32[3], f32[3]) {
  %twice = add %x, %x : f32[3]
  %a, %b = if %p : f32[3], f32[3] () {
    %inner = if %q : f32[3] () {
      return %x
    } () {
      %minus = negate %twice : f32[3]
      return %minus
    }
    return %inner, %x
  } () {
    return %twice, %twice
  }
  %thrice = add %twice, %x : f32[3]
  return %a, %b, %thrice
}
