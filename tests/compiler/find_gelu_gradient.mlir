//: title the gradient of GELU by tanh is computed from x, also where the operations make NaN of infinity times 0
//: in 0 = 0 1 -1 3 -3 0.01 -5 12 1e30 -1e30 inf -inf nan -0.75
//: in 1 = 1 2 -3 0.5 4 -1 1 3 2 1 5 1 1 1
//: close 1e-5 5e-7
//: out 0 = 0.5 2.16592817 0.248892252 0.505792083 -0.0463366665 -0.507978578 -1.546362e-6 3 2 -0.0 5 -0.0 nan 0.00106174386
//: after narrow has 1 = gelu_apprx_tanh_dx %
//: after narrow has 1 = multiply %
//: after narrow lacks tanh %
//: after narrow lacks add
func @main(%x: f32[14], %c: f32[14]) -> (f32[14]) {
  %half = constant 0.5 : f32[14]
  %one = constant 1.0 : f32[14]
  %three = constant 3.0 : f32[14]
  %a = constant 0.044715 : f32[14]
  %k = constant 0.79788458 : f32[14]
  %x2 = multiply %x, %x
  %x3 = multiply %x2, %x
  %d2 = multiply %three, %x2
  %ax = multiply %a, %x3
  %s = add %x, %ax
  %u = multiply %k, %s
  %t = tanh %u
  %om = subtract %one, %t
  %op = add %one, %t
  %hp = multiply %half, %op
  %xc = multiply %x, %c
  %chp = multiply %c, %hp
  %hxc = multiply %half, %xc
  %m = multiply %hxc, %om
  %mt = multiply %m, %t
  %sum = add %m, %mt
  %ks = multiply %k, %sum
  %first = add %chp, %ks
  %aks = multiply %a, %ks
  %last = multiply %aks, %d2
  %r = add %first, %last
  return %r
}
