//: title what only looks like a function of ScalarE's stays as it is
//: in 0 = 0 1 -1 3 -3 0.01 -5 12 -1e-20 20 -20 nan
//: close 4e-6 1e-6
//: reference
//: after narrow lacks gelu
//: after narrow lacks silu
//: after narrow lacks softplus
//: after narrow lacks logistic
func @main(%x: f32[12]) -> (f32[12], f32[12], f32[12], f32[12], f32[12]) {
  %half = constant 0.5 : f32[12]
  %zero = constant 0.0 : f32[12]
  %one = constant 1.0 : f32[12]
  %root = constant 0.70711 : f32[12]
  %y = multiply %x, %root
  %erf = erf %y
  %sum = add %erf, %one
  %h = multiply %x, %half
  %p = multiply %h, %sum
  %e = exponential %x
  %s = add %e, %one
  %q = divide %x, %s
  %minus = negate %x
  %em = exponential %minus
  %sm = subtract %one, %em
  %r = divide %one, %sm
  %pos = maximum %x, %one
  %size = abs %x
  %ms = negate %size
  %es = exponential %ms
  %l = log_plus_one %es
  %sp = add %pos, %l
  %good = constant 0.70710678 : f32[12]
  %u = multiply %x, %good
  %uu = multiply %u, %x
  %erfu = erf %uu
  %su = add %erfu, %one
  %v = multiply %h, %su
  return %p, %q, %r, %sp, %v
}
