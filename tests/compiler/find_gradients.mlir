//: title gradients of GELU, SiLU and softplus are one pass of ScalarE and a product
//: in 0 = 0 1 -1 3 -3 0.01 -5 12 -1e-20 20 -20 nan
//: in 1 = 1 2 -3 0.5 4 -1 1 3 7 1 -2 1
//: close 4e-6 1e-7
//: reference
//: after narrow has 1 = gelu_dx %
//: after narrow has 1 = silu_dx %
//: after narrow has 1 = logistic %
//: after narrow has 3 = multiply %
//: after narrow lacks exponential
//: after narrow lacks add
func @main(%x: f32[12], %c: f32[12]) -> (f32[12], f32[12], f32[12]) {
  %half = constant 0.5 : f32[12]
  %zero = constant 0.0 : f32[12]
  %one = constant 1.0 : f32[12]
  %infinity = constant inf : f32[12]
  %root = constant 0.70710678 : f32[12]
  %slope = constant 1.1283792 : f32[12]
  %y = multiply %x, %root
  %erf = erf %y
  %sum = add %erf, %one
  %yy = multiply %y, %y
  %my = negate %yy
  %e = exponential %my
  %hx = multiply %half, %x
  %hc = multiply %hx, %c
  %ce = multiply %c, %sum
  %sc = multiply %slope, %hc
  %sce = multiply %sc, %e
  %scr = multiply %sce, %root
  %che = multiply %half, %ce
  %p = add %scr, %che
  %s = logistic %x
  %os = subtract %one, %s
  %ss = multiply %s, %os
  %xc = multiply %x, %c
  %cs = multiply %c, %s
  %css = multiply %xc, %ss
  %q = add %cs, %css
  %pos = maximum %x, %zero
  %size = abs %x
  %ms = negate %size
  %es = exponential %ms
  %l = log_plus_one %es
  %sp = add %pos, %l
  %isnan = compare NE %x, %x
  %x0 = add %x, %zero
  %soft = select %isnan, %x0, %sp
  %isx = compare EQ %x, %infinity
  %fx = select %isx, %zero, %x
  %iss = compare EQ %soft, %infinity
  %fs = select %iss, %zero, %soft
  %d = subtract %fx, %fs
  %ed = exponential %d
  %r = multiply %c, %ed
  return %p, %q, %r
}
