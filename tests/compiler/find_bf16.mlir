//: title functions in bf16, with their numbers rounded and with fp32 between conversions; rounded once
//: in 0 = 0 1 -1 3 -3 0.01 -5 12
//: close 0.004 1e-9
//: out 0 = 0 0.841344746 -0.158655254 2.995950306 -0.00404969409 0.00503989361 -1.43325786e-6 12
//: out 1 = 0 0.841191991 -0.158808009 2.996362700 -0.003637300 0.005039893 -2.292e-7 12
//: out 2 = 0 0.731058579 -0.268941421 2.857722 -0.142277620 0.0050250 -0.033464254 11.99992
//: after narrow has 1 = gelu %
//: after narrow has 1 = gelu_apprx_tanh %
//: after narrow has 1 = silu %
//: after narrow lacks add
func @main(%x: bf16[8]) -> (bf16[8], bf16[8], bf16[8]) {
  %half = constant 0.5 : bf16[8]
  %one = constant 1.0 : bf16[8]
  %root = constant 0.707 : bf16[8]
  %y = multiply %x, %root
  %w = convert %y : f32[8]
  %erf = erf %w
  %n = convert %erf : bf16[8]
  %sum = add %n, %one
  %h = multiply %x, %half
  %gelu = multiply %h, %sum
  %a = constant 0.0447 : bf16[8]
  %k = constant 0.797 : bf16[8]
  %xx = multiply %x, %x
  %xxx = multiply %xx, %x
  %c = multiply %a, %xxx
  %s = add %x, %c
  %u = multiply %k, %s
  %t = tanh %u
  %plus = add %one, %t
  %ht = multiply %half, %plus
  %tanh = multiply %x, %ht
  %f = convert %x : f32[8]
  %fs = logistic %f
  %fm = multiply %f, %fs
  %silu = convert %fm : bf16[8]
  return %gelu, %tanh, %silu
}
