//: title 64-bit integers: arithmetic across their halves wraps; words are low, high
//: in 0 = 0 0 1 0 4294967295 4294967295 4294967295 0 0 1 4294967295 2147483647 0 2147483648 3589934592 4294967294 2596069104 305419896
//: in 1 = 0 0 4294967295 4294967295 4294967295 4294967295 1 0 1 1 1 0 4294967295 4294967295 3000000000 0 4294967294 4294967295
//: out 0 = 0 0 0 0 4294967294 4294967295 0 1 1 2 0 2147483648 4294967295 2147483647 2294967296 4294967295 2596069102 305419896
//: out 1 = 0 0 2 0 0 0 4294967294 0 4294967295 4294967295 4294967294 2147483647 1 2147483648 589934592 4294967294 2596069106 305419896
//: out 2 = 0 0 4294967295 4294967295 1 0 4294967295 0 0 1 4294967295 2147483647 0 2147483648 824442880 802507641 3397796384 3684127502
//: out 3 = 0 0 1 0 4294967295 4294967295 4294967295 0 1 1 4294967295 2147483647 4294967295 4294967295 3000000000 0 2596069104 305419896
//: out 4 = 0 0 4294967295 4294967295 4294967295 4294967295 1 0 0 1 1 0 0 2147483648 3589934592 4294967294 4294967294 4294967295
//: out 5 = 0 0 1 0 4294967295 4294967295 1 0 0 1 1 0 0 2147483648 2429554176 0 2596069104 305419896
//: out 6 = 0 0 4294967294 4294967295 0 0 4294967294 0 1 0 4294967294 2147483647 4294967295 2147483647 1730826240 4294967294 1698898190 3989547399
//: out 7 = 0 0 1 0 1 0 4294967295 0 0 1 4294967295 2147483647 0 2147483648 705032704 1 2596069104 305419896
//: out 8 = 0 0 1 0 4294967295 4294967295 1 0 1 0 1 0 4294967295 4294967295 4294967295 4294967295 1 0
//: out 9 = 0 0 4294967295 4294967295 1 0 1 4294967295 0 4294967295 1 2147483648 0 2147483648 705032704 1 1698898192 3989547399
//: out 10 = 4294967295 4294967295 4294967294 4294967295 0 0 0 4294967295 4294967295 4294967294 0 2147483648 4294967295 2147483647 705032703 1 1698898191 3989547399
//: out 11 = 0 0 1 0 64 0 32 0 1 0 63 0 1 0 45 0 32 0
//: out 12 = 64 0 63 0 0 0 32 0 31 0 1 0 0 0 0 0 3 0
//: out 13 = 0 0 0 0 1 0 1 1 0
//: out 14 = 1 0 1 0 1 0 1 1 0
//: out 15 = 0 1 0 1 0 1 0 0 1
//: out 16 = 1 1 1 1 0 1 0 0 1
//: out 17 = 1 0 1 0 0 0 0 0 0
//: out 18 = 0 1 0 1 1 1 1 1 1
//: out 19 = 0 1 0 0 1 0 1 0 1
func @main(%p: u32[9,2], %q: u32[9,2]) ->
    (u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2], u32[9,2],
     i1[9], i1[9], i1[9], i1[9], i1[9], i1[9], i1[9]) {
  %a = bitcast_convert %p : i64[9]
  %b = bitcast_convert %q : i64[9]
  %c = bitcast_convert %p : u64[9]
  %d = bitcast_convert %q : u64[9]
  %add_w = add %a, %b
  %add = bitcast_convert %add_w : u32[9,2]
  %subtract_w = subtract %a, %b
  %subtract = bitcast_convert %subtract_w : u32[9,2]
  %multiply_w = multiply %a, %b
  %multiply = bitcast_convert %multiply_w : u32[9,2]
  %maximum_w = maximum %a, %b
  %maximum = bitcast_convert %maximum_w : u32[9,2]
  %minimum_w = minimum %a, %b
  %minimum = bitcast_convert %minimum_w : u32[9,2]
  %and_w = and %a, %b
  %and = bitcast_convert %and_w : u32[9,2]
  %xor_w = xor %a, %b
  %xor = bitcast_convert %xor_w : u32[9,2]
  %abs_w = abs %a
  %abs = bitcast_convert %abs_w : u32[9,2]
  %sign_w = sign %a
  %sign = bitcast_convert %sign_w : u32[9,2]
  %negate_w = negate %a
  %negate = bitcast_convert %negate_w : u32[9,2]
  %not_w = not %a
  %not = bitcast_convert %not_w : u32[9,2]
  %popcnt_w = popcnt %a
  %popcnt = bitcast_convert %popcnt_w : u32[9,2]
  %count_leading_zeros_w = count_leading_zeros %a
  %count_leading_zeros = bitcast_convert %count_leading_zeros_w : u32[9,2]
  %LT = compare LT %a, %b
  %LE = compare LE %a, %b
  %GT = compare GT %a, %b
  %GE = compare GE %a, %b
  %EQ = compare EQ %a, %b
  %NE = compare NE %a, %b
  %below = compare LT %c, %d
  return %add, %subtract, %multiply, %maximum, %minimum, %and, %xor, %abs, %sign, %negate, %not, %popcnt, %count_leading_zeros, %LT, %LE, %GT, %GE, %EQ, %NE, %below
}
