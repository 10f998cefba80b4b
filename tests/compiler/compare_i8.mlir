//: title every comparison of i8
//: in 0 = -128 127 0 -1
//: in 1 = 127 -128 0 1
//: reference
func @main(%x: i8[3,43], %y: i8[3,43]) -> (i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43]) {
  %eq = compare EQ %x, %y : i1[3,43]
  %ne = compare NE %x, %y : i1[3,43]
  %lt = compare LT %x, %y : i1[3,43]
  %le = compare LE %x, %y : i1[3,43]
  %gt = compare GT %x, %y : i1[3,43]
  %ge = compare GE %x, %y : i1[3,43]
  return %eq, %ne, %lt, %le, %gt, %ge
}
