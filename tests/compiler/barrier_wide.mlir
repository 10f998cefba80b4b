//: title values of 64 bits pass an optimization_barrier, as indices do where PyTorch/XLA computes activations again
//: in 0 = -3 70000 7
//: in 1 = 1 2 3
//: out 1 = -12 280000 28
func @main(%x: i64[3], %t: f32[3]) -> (i64[3], i64[3], f32[3]) {
  %b, %u = optimization_barrier %x, %t : i64[3], f32[3]
  %s = add %b, %x
  %p = optimization_barrier %s : i64[3]
  %d = add %p, %p
  return %b, %d, %u
}
