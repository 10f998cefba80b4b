//: title sines of angles with known bounds are reduced on VectorE, those of any on GpSimdE
//: random 5000
//: after angles has 1 = sine_small %
//: after angles has 2 = cosine_small %
//: after angles has 1 = sine %
//: after lower has 1 gpsimd_fold_angle
//: close 1e-6 1e-6
//: reference
func @main(%x: f32[3,40], %y: bf16[3,40]) -> (f32[3,40], f32[3,40], bf16[3,40], f32[3,40]) {
  %low = constant -32768.0 : f32[]
  %high = constant 32768.0 : f32[]
  %c = clamp %low, %x, %high
  %s = sine %c
  %i = iota {iota_dimension = 1} : f32[3,40]
  %base = constant 10000.0 : f32[3,40]
  %n = negate %i
  %f = constant 0.01 : f32[3,40]
  %e = multiply %n, %f
  %p = power %base, %e
  %a = multiply %p, %i
  %k = cosine %a
  %t = tanh %y
  %b = cosine %t
  %any = multiply %x, %x
  %u = sine %any
  return %s, %k, %b, %u
}
