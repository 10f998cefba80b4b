//: title negation flips the sign of zeros and infinities too; NaN stays NaN, with no promise about its sign
//: in 0 = 0 -0 1 inf -inf -3.5
//: in 1 = nan
//: out 0 = 2147483648 0 3212836864 4286578688 2139095040 1080033280
//: out 1 = nan
func @main(%x: f32[6], %n: f32[1]) -> (u32[6], f32[1]) {
  %y = negate %x
  %r = bitcast_convert %y : u32[6]
  %m = negate %n
  return %r, %m
}
