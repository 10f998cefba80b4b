//: title bit operations and shifts of i32; shifts by the width or more leave zeros or the sign
//: in 0 = 1 -1 -2147483648 255 -7
//: in 1 = 0 1 31 32 -1 5
//: reference
func @main(%x: i32[127], %y: i32[127]) -> (i32[127], i32[127], i32[127], i32[127], i32[127], i32[127]) {
  %and = and %x, %y
  %or = or %x, %y
  %xor = xor %x, %y
  %left = shift_left %x, %y
  %right = shift_right_logical %x, %y
  %sign = shift_right_arithmetic %x, %y
  return %and, %or, %xor, %left, %right, %sign
}
