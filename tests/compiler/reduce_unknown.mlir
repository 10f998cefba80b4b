//: title a reduction by a function that is not pointwise is refused
//: fails unsupported function that is not one operator
func @main(%x: f32[3,4]) -> (f32[3]) {
  %z = constant 0.0 : f32[]
  %y = reduce %x, %z {dimensions = [1]} : f32[3] (%a_1: f32[], %b_1: f32[]) {
    %p_1 = compare LT %a_1, %b_1
    %d_1 = if %p_1 : f32[] () {
      return %a_1
    } () {
      return %b_1
    }
    return %d_1
  }
  return %y
}
