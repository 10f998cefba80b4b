//: title arithmetic of integer constants wraps
//: reference
//: after fold lacks multiply
//: after fold lacks compare
func @main() ->
    (i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i1[3], i1[3], i1[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i1[3], i1[3], i1[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i1[3], i1[3], i1[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], i1[3], i1[3], i1[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], i1[3], i1[3], i1[3]) {
  %a_i320 = constant 7 : i32[3]
  %b_i320 = constant -3 : i32[3]
  %add_i320 = add %a_i320, %b_i320
  %subtract_i320 = subtract %a_i320, %b_i320
  %multiply_i320 = multiply %a_i320, %b_i320
  %maximum_i320 = maximum %a_i320, %b_i320
  %minimum_i320 = minimum %a_i320, %b_i320
  %and_i320 = and %a_i320, %b_i320
  %or_i320 = or %a_i320, %b_i320
  %xor_i320 = xor %a_i320, %b_i320
  %LT_i320 = compare LT %a_i320, %b_i320 : i1[3]
  %EQ_i320 = compare EQ %a_i320, %b_i320 : i1[3]
  %GE_i320 = compare GE %a_i320, %b_i320 : i1[3]
  %a_i321 = constant 2147483647 : i32[3]
  %b_i321 = constant 2 : i32[3]
  %add_i321 = add %a_i321, %b_i321
  %subtract_i321 = subtract %a_i321, %b_i321
  %multiply_i321 = multiply %a_i321, %b_i321
  %maximum_i321 = maximum %a_i321, %b_i321
  %minimum_i321 = minimum %a_i321, %b_i321
  %and_i321 = and %a_i321, %b_i321
  %or_i321 = or %a_i321, %b_i321
  %xor_i321 = xor %a_i321, %b_i321
  %LT_i321 = compare LT %a_i321, %b_i321 : i1[3]
  %EQ_i321 = compare EQ %a_i321, %b_i321 : i1[3]
  %GE_i321 = compare GE %a_i321, %b_i321 : i1[3]
  %a_i322 = constant -2147483648 : i32[3]
  %b_i322 = constant -1 : i32[3]
  %add_i322 = add %a_i322, %b_i322
  %subtract_i322 = subtract %a_i322, %b_i322
  %multiply_i322 = multiply %a_i322, %b_i322
  %maximum_i322 = maximum %a_i322, %b_i322
  %minimum_i322 = minimum %a_i322, %b_i322
  %and_i322 = and %a_i322, %b_i322
  %or_i322 = or %a_i322, %b_i322
  %xor_i322 = xor %a_i322, %b_i322
  %LT_i322 = compare LT %a_i322, %b_i322 : i1[3]
  %EQ_i322 = compare EQ %a_i322, %b_i322 : i1[3]
  %GE_i322 = compare GE %a_i322, %b_i322 : i1[3]
  %a_u320 = constant 7 : u32[3]
  %b_u320 = constant 4294967295 : u32[3]
  %add_u320 = add %a_u320, %b_u320
  %subtract_u320 = subtract %a_u320, %b_u320
  %multiply_u320 = multiply %a_u320, %b_u320
  %maximum_u320 = maximum %a_u320, %b_u320
  %minimum_u320 = minimum %a_u320, %b_u320
  %and_u320 = and %a_u320, %b_u320
  %or_u320 = or %a_u320, %b_u320
  %xor_u320 = xor %a_u320, %b_u320
  %LT_u320 = compare LT %a_u320, %b_u320 : i1[3]
  %EQ_u320 = compare EQ %a_u320, %b_u320 : i1[3]
  %GE_u320 = compare GE %a_u320, %b_u320 : i1[3]
  %a_u321 = constant 2147483648 : u32[3]
  %b_u321 = constant 2 : u32[3]
  %add_u321 = add %a_u321, %b_u321
  %subtract_u321 = subtract %a_u321, %b_u321
  %multiply_u321 = multiply %a_u321, %b_u321
  %maximum_u321 = maximum %a_u321, %b_u321
  %minimum_u321 = minimum %a_u321, %b_u321
  %and_u321 = and %a_u321, %b_u321
  %or_u321 = or %a_u321, %b_u321
  %xor_u321 = xor %a_u321, %b_u321
  %LT_u321 = compare LT %a_u321, %b_u321 : i1[3]
  %EQ_u321 = compare EQ %a_u321, %b_u321 : i1[3]
  %GE_u321 = compare GE %a_u321, %b_u321 : i1[3]
  return %add_i320, %subtract_i320, %multiply_i320, %maximum_i320, %minimum_i320, %and_i320, %or_i320, %xor_i320, %LT_i320, %EQ_i320, %GE_i320, %add_i321, %subtract_i321, %multiply_i321, %maximum_i321, %minimum_i321, %and_i321, %or_i321, %xor_i321, %LT_i321, %EQ_i321, %GE_i321, %add_i322, %subtract_i322, %multiply_i322, %maximum_i322, %minimum_i322, %and_i322, %or_i322, %xor_i322, %LT_i322, %EQ_i322, %GE_i322, %add_u320, %subtract_u320, %multiply_u320, %maximum_u320, %minimum_u320, %and_u320, %or_u320, %xor_u320, %LT_u320, %EQ_u320, %GE_u320, %add_u321, %subtract_u321, %multiply_u321, %maximum_u321, %minimum_u321, %and_u321, %or_u321, %xor_u321, %LT_u321, %EQ_u321, %GE_u321
}
