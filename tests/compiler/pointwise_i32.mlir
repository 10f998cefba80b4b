//: title i32 arithmetic wraps, division truncates, by zero gives all ones
//: in 0 = 0 1 -1 7 -7 2147483647 -2147483648 65535 -65536 123456789 31 -100
//: in 1 = 1 0 -1 3 -3 2 -1 65537 31 -2147483648 7 33 5
//: reference
func @main(%x: i32[257], %y: i32[257]) -> (i32[257], i32[257], i32[257], i32[257], i32[257], i32[257], i32[257], i32[257], i32[257], i32[257]) {
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
