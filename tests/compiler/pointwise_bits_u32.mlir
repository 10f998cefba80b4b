//: title bit operations and shifts of u32; shifts by the width or more leave zeros or the sign
//: in 0 = 1 4294967295 2147483648 255
//: in 1 = 0 1 31 32 33 5
//: reference
func @main(%x: u32[127], %y: u32[127]) -> (u32[127], u32[127], u32[127], u32[127], u32[127], u32[127]) {
  %and = and %x, %y
  %or = or %x, %y
  %xor = xor %x, %y
  %left = shift_left %x, %y
  %right = shift_right_logical %x, %y
  %sign = shift_right_arithmetic %x, %y
  return %and, %or, %xor, %left, %right, %sign
}
