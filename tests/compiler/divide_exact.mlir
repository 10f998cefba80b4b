//: title by what may be subnormal or beyond 2^125, whose reciprocal loses bits: one rounding, as IEEE 754 has it
//: in 0 = 1 3 -7 1e-39 3e38 inf nan -0.0 2e-44
//: in 1 = 1e-39 3e38 5 1e-40 2.9e38 2 3 1e-44 1e-44
//: reference
//: after divide has 3 divide
func @main(%x: f32[9], %y: f32[9]) -> (f32[9], f32[9], f32[9]) {
  %one = constant 1.0 : f32[9]
  %apart = subtract %y, %x
  %grown = exponential %y
  %more = add %grown, %one
  %p = divide %x, %y
  %q = divide %x, %apart
  %r = divide %x, %more
  return %p, %q, %r
}
