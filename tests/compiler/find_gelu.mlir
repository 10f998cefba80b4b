//: title GELU by erf and by tanh, however halved, is one pass of ScalarE; without the half it is twice that
//: in 0 = 0 1 -1 3 -3 0.01 -5 12 -1e-20 1e10 inf nan
//: close 2e-6 2e-7
//: reference
//: after narrow has 1 = gelu %
//: after narrow has 1 = gelu_apprx_tanh %
//: after narrow has 1 = gelu_apprx_sigmoid %
//: after narrow has 1 multiply
//: after narrow lacks add
func @main(%x: f32[12]) -> (f32[12], f32[12], f32[12], f32[12], f32[12]) {
  %half = constant 0.5 : f32[12]
  %one = constant 1.0 : f32[12]
  %root = constant 0.70710678 : f32[12]
  %two = constant 1.41421356 : f32[12]
  %a = constant 0.044715 : f32[12]
  %k = constant 0.7978845608 : f32[12]
  %y = multiply %x, %root
  %erf = erf %y
  %sum = add %erf, %one
  %h = multiply %x, %half
  %p = multiply %h, %sum
  %z = divide %x, %two
  %erfz = erf %z
  %sumz = add %one, %erfz
  %xz = multiply %sumz, %x
  %q = multiply %half, %xz
  %xx = multiply %x, %x
  %xxx = multiply %xx, %x
  %c = multiply %a, %xxx
  %s = add %x, %c
  %u = multiply %k, %s
  %t = tanh %u
  %plus = add %one, %t
  %ht = multiply %half, %plus
  %r = multiply %x, %ht
  %w = multiply %x, %plus
  %fast = constant 1.702 : f32[12]
  %f = multiply %x, %fast
  %g = logistic %f
  %v = multiply %g, %x
  return %p, %q, %r, %w, %v
}
