//: title by a number: the product with its reciprocal, which differs in the last place
//: in 0 = 1 3 -7 0.1 3e38 inf nan -0.0 9
//: close 1.2e-7 0
//: reference
//: after divide has 0 divide
//: after divide has 1 multiply
func @main(%x: f32[9]) -> (f32[9]) {
  %three = constant 3.0 : f32[9]
  %y = divide %x, %three
  return %y
}
