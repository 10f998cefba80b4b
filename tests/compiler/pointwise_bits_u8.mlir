//: title bit operations and shifts of u8; shifts by the width or more leave zeros or the sign
//: in 0 = 1 255 128 127
//: in 1 = 0 1 7 8 9
//: reference
func @main(%x: u8[127], %y: u8[127]) -> (u8[127], u8[127], u8[127], u8[127], u8[127], u8[127]) {
  %and = and %x, %y
  %or = or %x, %y
  %xor = xor %x, %y
  %left = shift_left %x, %y
  %right = shift_right_logical %x, %y
  %sign = shift_right_arithmetic %x, %y
  return %and, %or, %xor, %left, %right, %sign
}
