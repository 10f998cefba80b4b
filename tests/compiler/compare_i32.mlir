//: title every comparison of i32
//: in 0 = 0 -1 2147483647 16777217 -2147483648 5
//: in 1 = 0 1 2147483646 16777216 2147483647 5
//: reference
func @main(%x: i32[3,43], %y: i32[3,43]) -> (i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43]) {
  %eq = compare EQ %x, %y : i1[3,43]
  %ne = compare NE %x, %y : i1[3,43]
  %lt = compare LT %x, %y : i1[3,43]
  %le = compare LE %x, %y : i1[3,43]
  %gt = compare GT %x, %y : i1[3,43]
  %ge = compare GE %x, %y : i1[3,43]
  return %eq, %ne, %lt, %le, %gt, %ge
}
