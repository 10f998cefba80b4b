//: title 1 / (1 + e^-x) is the logistic function, in either order of the sum; another number is not
//: in 0 = 0 1 -1 20 -20 87 -87 -100 inf -inf nan 1e-30
//: close 3e-7 1e-38
//: reference
//: after narrow has 1 logistic
//: after narrow has 1 divide
func @main(%x: f32[12]) -> (f32[12], f32[12], f32[12]) {
  %one = constant 1.0 : f32[12]
  %two = constant 2.0 : f32[12]
  %minus = negate %x
  %e = exponential %minus
  %a = add %one, %e
  %b = add %e, %one
  %c = add %e, %two
  %p = divide %one, %a
  %q = divide %one, %b
  %r = divide %one, %c
  return %p, %q, %r
}
