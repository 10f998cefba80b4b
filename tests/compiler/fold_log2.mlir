//: title the logarithm of a number is a number: log2 is one function and a product
//: in 0 = 1 2 8 0.5 1024 3 0 inf
//: close 3e-7 1e-7
//: out 0 = 0 1 3 -1 10 1.5849625 -inf inf
//: out 1 = 2.71828183 5.43656366 21.7462546 1.35914091 2783.52059 8.15484549 0 inf
//: after divide lacks divide
//: after divide has 1 = log %
//: after divide lacks exponential
func @main(%x: f32[8]) -> (f32[8], f32[8]) {
  %two = constant 2.0 : f32[]
  %ln2 = log %two
  %b = broadcast_in_dim %ln2 {broadcast_dimensions = []} : f32[8]
  %ln = log %x
  %y = divide %ln, %b
  %one = constant 1.0 : f32[8]
  %e = exponential %one
  %z = multiply %x, %e
  return %y, %z
}
