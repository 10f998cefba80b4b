//: title a number that is added or taken off before a function is its bias, a column set once before the loops
//: in 0 = 1 0 3e37 1e-38 inf nan 7.5 -2
//: close 3e-7 1e-7
//: reference
//: after lower has 2 gpsimd.memset
//: after lower has 1 func=sqrt
//: after lower has 1 func=exp
//: after lower has 1 func=tanh
//: after lower lacks tensor_scalar
func @main(%x: f32[300,700]) -> (f32[300,700], f32[300,700]) {
  %small = constant 2.5 : f32[300,700]
  %above = add %x, %small
  %root = sqrt %above
  %below = subtract %small, %x
  %power = exponential %below
  %less = subtract %x, %small
  %bent = tanh %less
  %curved = add %root, %bent
  %all = add %curved, %power
  return %all, %bent
}
