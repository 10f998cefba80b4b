//: title functions of infinities, NaN, zeros and negative numbers
//: in 0 = inf -inf nan 0 -0.0 -1
//: out 0 = inf 0 nan 1 1 0.3678794503211975
//: out 1 = 1 -1 nan 0 -0.0 -0.7615941762924194
//: out 2 = 1 0 nan 0.5 0.5 0.2689414322376251
//: out 3 = inf nan nan -inf -inf nan
//: out 4 = 0 nan nan inf -inf nan
//: out 5 = inf nan nan 0 -0.0 nan
func @main(%x: f32[6]) -> (f32[6], f32[6], f32[6], f32[6], f32[6], f32[6]) {
  %exp = exponential %x
  %tanh = tanh %x
  %logistic = logistic %x
  %log = log %x
  %rsqrt = rsqrt %x
  %sqrt = sqrt %x
  return %exp, %tanh, %logistic, %log, %rsqrt, %sqrt
}
