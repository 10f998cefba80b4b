//: title denormals of fp16 survive its own exponent, rounding where their bits end; fewer exponent bits flush them
//: in 0 = 5.7160854339599609e-05 -5.9604644775390625e-08 6.1035156250e-05 65504 1.0009765625
//: out 0 = 5.7160854339599609e-05 -5.9604644775390625e-08 6.1035156250e-05 65504 1.0009765625
//: out 1 = 5.7220458984375e-05 -0.0 6.1035156250e-05 inf 1
//: out 2 = 0 -0.0 0 inf 1
func @main(%x: f16[5]) -> (f16[5], f16[5], f16[5]) {
  %a = reduce_precision %x {exponent_bits = 5, mantissa_bits = 10}
  %b = reduce_precision %x {exponent_bits = 5, mantissa_bits = 4}
  %c = reduce_precision %x {exponent_bits = 4, mantissa_bits = 3}
  return %a, %b, %c
}
