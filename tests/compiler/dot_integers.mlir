//: title integer products are refused with a remedy
//: fails unsupported TensorE multiplies floats only, not i32 by i32 into i32
func @main(%x: i32[3,4], %y: i32[4,5]) -> (i32[3,5]) {
  %z = dot_general %x, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i32[3,5]
  return %z
}
