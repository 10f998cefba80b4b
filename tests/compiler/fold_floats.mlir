//: title arithmetic of float constants is done by the compiler as the engines would do it
//: reference
//: after fold lacks multiply
//: after fold lacks divide
func @main() -> (f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3], f32[3]) {
  %a0 = constant 1.5 : f32[3]
  %b0 = constant -2.25 : f32[3]
  %add0 = add %a0, %b0
  %subtract0 = subtract %a0, %b0
  %multiply0 = multiply %a0, %b0
  %divide0 = divide %a0, %b0
  %maximum0 = maximum %a0, %b0
  %minimum0 = minimum %a0, %b0
  %negate0 = negate %a0
  %abs0 = abs %a0
  %a1 = constant 0.0 : f32[3]
  %b1 = constant -0.0 : f32[3]
  %add1 = add %a1, %b1
  %subtract1 = subtract %a1, %b1
  %multiply1 = multiply %a1, %b1
  %divide1 = divide %a1, %b1
  %maximum1 = maximum %a1, %b1
  %minimum1 = minimum %a1, %b1
  %negate1 = negate %a1
  %abs1 = abs %a1
  %a2 = constant inf : f32[3]
  %b2 = constant 0.0 : f32[3]
  %add2 = add %a2, %b2
  %subtract2 = subtract %a2, %b2
  %multiply2 = multiply %a2, %b2
  %divide2 = divide %a2, %b2
  %maximum2 = maximum %a2, %b2
  %minimum2 = minimum %a2, %b2
  %negate2 = negate %a2
  %abs2 = abs %a2
  %a3 = constant nan : f32[3]
  %b3 = constant 1.0 : f32[3]
  %add3 = add %a3, %b3
  %subtract3 = subtract %a3, %b3
  %multiply3 = multiply %a3, %b3
  %divide3 = divide %a3, %b3
  %maximum3 = maximum %a3, %b3
  %minimum3 = minimum %a3, %b3
  %negate3 = negate %a3
  %abs3 = abs %a3
  %a4 = constant -inf : f32[3]
  %b4 = constant inf : f32[3]
  %add4 = add %a4, %b4
  %subtract4 = subtract %a4, %b4
  %multiply4 = multiply %a4, %b4
  %divide4 = divide %a4, %b4
  %maximum4 = maximum %a4, %b4
  %minimum4 = minimum %a4, %b4
  %negate4 = negate %a4
  %abs4 = abs %a4
  %a5 = constant 1e30 : f32[3]
  %b5 = constant 1e30 : f32[3]
  %add5 = add %a5, %b5
  %subtract5 = subtract %a5, %b5
  %multiply5 = multiply %a5, %b5
  %divide5 = divide %a5, %b5
  %maximum5 = maximum %a5, %b5
  %minimum5 = minimum %a5, %b5
  %negate5 = negate %a5
  %abs5 = abs %a5
  %a6 = constant 0.1 : f32[3]
  %b6 = constant 3.0 : f32[3]
  %add6 = add %a6, %b6
  %subtract6 = subtract %a6, %b6
  %multiply6 = multiply %a6, %b6
  %divide6 = divide %a6, %b6
  %maximum6 = maximum %a6, %b6
  %minimum6 = minimum %a6, %b6
  %negate6 = negate %a6
  %abs6 = abs %a6
  return %add0, %subtract0, %multiply0, %divide0, %maximum0, %minimum0, %negate0, %abs0, %add1, %subtract1, %multiply1, %divide1, %maximum1, %minimum1, %negate1, %abs1, %add2, %subtract2, %multiply2, %divide2, %maximum2, %minimum2, %negate2, %abs2, %add3, %subtract3, %multiply3, %divide3, %maximum3, %minimum3, %negate3, %abs3, %add4, %subtract4, %multiply4, %divide4, %maximum4, %minimum4, %negate4, %abs4, %add5, %subtract5, %multiply5, %divide5, %maximum5, %minimum5, %negate5, %abs5, %add6, %subtract6, %multiply6, %divide6, %maximum6, %minimum6, %negate6, %abs6
}
