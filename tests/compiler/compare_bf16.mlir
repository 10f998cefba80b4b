//: title every comparison of bf16
//: in 0 = 1 2 nan 0 -0.0 inf -inf 3 nan
//: in 1 = 2 1 nan -0.0 0 inf inf 3 1
//: reference
func @main(%x: bf16[3,43], %y: bf16[3,43]) -> (i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43], i1[3,43]) {
  %eq = compare EQ %x, %y : i1[3,43]
  %ne = compare NE %x, %y : i1[3,43]
  %lt = compare LT %x, %y : i1[3,43]
  %le = compare LE %x, %y : i1[3,43]
  %gt = compare GT %x, %y : i1[3,43]
  %ge = compare GE %x, %y : i1[3,43]
  return %eq, %ne, %lt, %le, %gt, %ge
}
