//: title arithmetic that rounds once, of f16, with infinities, NaN and signed zeros
//: in 0 = 0 -0.0 1 -1 2.5 -2.5 0.5 inf -inf nan 3 -7 60000 -6.1e-5 0.1 255.5 -0.75
//: in 1 = 1 0 -0.0 nan -1 0.5 -2.5 inf 3 -inf 2048 7 -60000 2 0.3 -8 6.1e-5 0.7 -0.1
//: reference
func @main(%x: f16[127], %y: f16[127]) -> (f16[127], f16[127], f16[127], f16[127], f16[127], f16[127], f16[127], f16[127], f16[127], f16[127], i1[127]) {
  %add = add %x, %y
  %subtract = subtract %x, %y
  %multiply = multiply %x, %y
  %divide = divide %x, %y
  %maximum = maximum %x, %y
  %minimum = minimum %x, %y
  %negate = negate %x
  %abs = abs %x
  %sign = sign %x
  %sqrt = sqrt %x
  %finite = is_finite %x
  return %add, %subtract, %multiply, %divide, %maximum, %minimum, %negate, %abs, %sign, %sqrt, %finite
}
