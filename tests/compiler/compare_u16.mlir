//: title every comparison of u16
//: in 0 = 65535 0 300
//: in 1 = 65534 0 301
//: reference
func @main(%x: u16[3,43], %y: u16[3,43]) -> (i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43]) {
  %eq = compare EQ %x, %y : i1[3,43]
  %ne = compare NE %x, %y : i1[3,43]
  %lt = compare LT %x, %y : i1[3,43]
  %le = compare LE %x, %y : i1[3,43]
  %gt = compare GT %x, %y : i1[3,43]
  %ge = compare GE %x, %y : i1[3,43]
  return %eq, %ne, %lt, %le, %gt, %ge
}
