//: title softplus, mish and SiLU as frameworks spell them
//: in 0 = 0 1 -1 20.5 -20 87 -87 -100 0.001 100 -1e-10 nan
//: close 1e-6 1e-37
//: reference
//: after narrow has 1 = softplus %
//: after narrow has 1 = mish %
//: after narrow has 1 = silu %
//: after narrow lacks add
//: after narrow lacks select
func @main(%x: f32[12]) -> (f32[12], f32[12], f32[12], f32[12]) {
  %zero = constant 0.0 : f32[12]
  %one = constant 1.0 : f32[12]
  %twenty = constant 20.0 : f32[12]
  %pos = maximum %zero, %x
  %size = abs %x
  %ms = negate %size
  %es = exponential %ms
  %l = log_plus_one %es
  %sp = add %pos, %l
  %isnan = compare NE %x, %x
  %x0 = add %x, %zero
  %soft = select %isnan, %x0, %sp
  %minus = negate %x
  %e = exponential %minus
  %f = exponential %x
  %lf = log_plus_one %f
  %big = compare LT %twenty, %x
  %torch = select %big, %x, %lf
  %t = tanh %soft
  %mish = multiply %t, %x
  %sum = add %e, %one
  %silu = divide %x, %sum
  return %soft, %torch, %mish, %silu
}
