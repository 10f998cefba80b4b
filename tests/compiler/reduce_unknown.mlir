//: title a reduction by a function of several operators is refused
//: fails unsupported function that is not one operator
func @main(%x: f32[3,4]) -> (f32[3]) {
  %z = constant 0.0 : f32[]
  %y = reduce %x, %z {dimensions = [1]} : f32[3] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = multiply %a_1, %b_1
    %d_1 = add %c_1, %a_1
    return %d_1
  }
  return %y
}
