//: title u32 arithmetic wraps, division truncates, by zero gives all ones
//: in 0 = 0 1 4294967295 7 2147483648 65535 65536 123456789 31 100
//: in 1 = 1 0 4294967295 3 31 32 65537 2 7 33 5
//: reference
func @main(%x: u32[257], %y: u32[257]) -> (u32[257], u32[257], u32[257], u32[257], u32[257], u32[257], u32[257], u32[257], u32[257], u32[257]) {
  %add = add %x, %y
  %subtract = subtract %x, %y
  %multiply = multiply %x, %y
  %divide = divide %x, %y
  %remainder = remainder %x, %y
  %maximum = maximum %x, %y
  %minimum = minimum %x, %y
  %and = and %x, %y
  %or = or %x, %y
  %xor = xor %x, %y
  return %add, %subtract, %multiply, %divide, %remainder, %maximum, %minimum, %and, %or, %xor
}
