//: title at -infinity, where the operations make NaN of infinity times 0, a function has its limit; -0 stays
//: in 0 = -inf inf nan -0.0
//: out 0 = -0.0 inf nan -0.0
//: out 1 = -0.0 inf nan -0.0
//: out 2 = -0.0 1 nan 0.5
func @main(%x: f32[4]) -> (f32[4], f32[4], f32[4]) {
  %half = constant 0.5 : f32[4]
  %one = constant 1.0 : f32[4]
  %root = constant 0.70710678 : f32[4]
  %y = multiply %x, %root
  %erf = erf %y
  %sum = add %erf, %one
  %h = multiply %x, %half
  %gelu = multiply %h, %sum
  %s = logistic %x
  %silu = multiply %x, %s
  %os = subtract %one, %s
  %xs = multiply %x, %s
  %xos = multiply %xs, %os
  %slope = add %s, %xos
  return %gelu, %silu, %slope
}
