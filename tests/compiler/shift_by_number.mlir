//: title a number as the count of an arithmetic shift: natural numbers have a sign bit too, and keep it
//: in 0 = 128 127 255 1
//: in 1 = 2147483648 4294967295 2147483647 7
//: out 0 = 255 0 255 0
//: out 1 = 255 0 255 0
//: out 2 = 4294967295 4294967295 0 0
//: out 3 = 3221225472 4294967295 1073741823 3
func @main(%x: u8[4], %y: u32[4]) -> (u8[4], u8[4], u32[4], u32[4]) {
  %seven = constant 7 : u8[4]
  %eight = constant 8 : u8[4]
  %most = constant 100 : u32[4]
  %one = constant 1 : u32[4]
  %a = shift_right_arithmetic %x, %seven
  %b = shift_right_arithmetic %x, %eight
  %c = shift_right_arithmetic %y, %most
  %d = shift_right_arithmetic %y, %one
  return %a, %b, %c, %d
}
