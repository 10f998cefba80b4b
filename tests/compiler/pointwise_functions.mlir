//: title functions of the Scalar engine within 3 ULP over their range
//: in 0 = -87 -20 -3.5 -1 -0.5 -1e-3 0 1e-6 0.25 0.7 1 1.5 2 5 17 80
//: in 1 = 1e-12 1e-3 0.5 0.999 1 1.001 2 10 1e4 1e12 4e-9
//: close 3.6e-7 0
//: reference
func @main(%x: f32[513], %y: f32[129]) -> (f32[513], f32[513], f32[513], f32[129], f32[129], f32[129]) {
  %exp = exponential %x
  %tanh = tanh %x
  %logistic = logistic %x
  %log = log %y
  %rsqrt = rsqrt %y
  %sqrt = sqrt %y
  return %exp, %tanh, %logistic, %log, %rsqrt, %sqrt
}
