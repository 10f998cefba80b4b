//: title bit operations and shifts of u16; shifts by the width or more leave zeros or the sign
//: in 0 = 1 65535 32768 255
//: in 1 = 0 1 15 16 17
//: reference
func @main(%x: u16[127], %y: u16[127]) -> (u16[127], u16[127], u16[127], u16[127], u16[127], u16[127]) {
  %and = and %x, %y
  %or = or %x, %y
  %xor = xor %x, %y
  %left = shift_left %x, %y
  %right = shift_right_logical %x, %y
  %sign = shift_right_arithmetic %x, %y
  return %and, %or, %xor, %left, %right, %sign
}
