//: title every comparison of u8
//: in 0 = 255 0 128 5
//: in 1 = 254 0 127 6
//: reference
func @main(%x: u8[3,43], %y: u8[3,43]) -> (i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43]) {
  %eq = compare EQ %x, %y : i1[3,43]
  %ne = compare NE %x, %y : i1[3,43]
  %lt = compare LT %x, %y : i1[3,43]
  %le = compare LE %x, %y : i1[3,43]
  %gt = compare GT %x, %y : i1[3,43]
  %ge = compare GE %x, %y : i1[3,43]
  return %eq, %ne, %lt, %le, %gt, %ge
}
