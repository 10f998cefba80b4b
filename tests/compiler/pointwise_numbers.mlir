//: title numbers on either side of an operator, and two of them
//: in 0 = -3 -0.0 0 1 2.5 inf nan -inf 1e9
//: reference
func @main(%x: f32[3,43]) -> (f32[3,43], f32[3,43], f32[3,43], f32[3,43], f32[3,43], i1[3,43], f32[3,43]) {
  %two = constant 2.0 : f32[3,43]
  %three = constant 3.0 : f32[3,43]
  %huge = constant 9e37 : f32[3,43]
  %flags = compare GT %x, %two : i1[3,43]
  %before = subtract %two, %x
  %behind = subtract %x, %two
  %over = divide %three, %x
  %under = divide %x, %huge
  %most = maximum %two, %x
  %late = compare LT %two, %x : i1[3,43]
  %chosen = select %flags, %two, %three : f32[3,43]
  return %before, %behind, %over, %under, %most, %late, %chosen
}
