//: title arithmetic that rounds once, of bf16, with infinities, NaN and signed zeros
//: in 0 = 0 -0.0 1 -1 2.5 -2.5 0.5 inf -inf nan 3 -7 1e30 -1e-30 0.1 255.5 -0.75
//: in 1 = 1 0 -0.0 nan -1 0.5 -2.5 inf 3 -inf 1e10 7 -1e30 2 0.3 -8 1e-10 0.7 -0.1
//: reference
func @main(%x: bf16[129], %y: bf16[129]) -> (bf16[129], bf16[129], bf16[129], bf16[129], bf16[129], bf16[129], bf16[129], bf16[129], bf16[129], bf16[129], i1[129]) {
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
