//: title no bit of the mantissa kept: halfway between two powers of two goes to the one with the even exponent field
//: in 0 = 0.75 1.5 3 -6 1.25 1.75
//: in 1 = 0.75 1.5 3 -6 1.25 1.75
//: in 2 = 0.75 1.5 3 -6 1.25 1.75
//: out 0 = 0.5 2 2 -8 1 2
//: out 1 = 0.5 2 2 -8 1 2
//: out 2 = 0.5 2 2 -8 1 2
func @main(%x: f16[6], %y: bf16[6], %z: f32[6]) -> (f16[6], bf16[6], f32[6]) {
  %a = reduce_precision %x {exponent_bits = 5, mantissa_bits = 0}
  %b = reduce_precision %y {exponent_bits = 8, mantissa_bits = 0}
  %c = reduce_precision %z {exponent_bits = 8, mantissa_bits = 0}
  return %a, %b, %c
}
