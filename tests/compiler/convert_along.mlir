//: title conversions between fp32 and narrower floats are made by the instructions around them
//: in 0 = 1 2 3 0.1 -5 7 100 1e-3
//: in 1 = 0.3 -2 3.25 1 1e5 2 -1e-3 3
//: reference
//: close 0.008 0
//: after lower lacks tensor_copy
func @main(%x: bf16[8], %y: f32[8]) -> (bf16[8], f32[8]) {
  %w = convert %x : f32[8]
  %z = multiply %w, %y
  %n = convert %z : bf16[8]
  %v = convert %x : f32[8]
  %e = tanh %v
  return %n, %e
}
