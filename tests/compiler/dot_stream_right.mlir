//: title both operands of a product of 4096 cubed are turned once, whose products take 1591.6 us
//: clock 1930
func @main(%x: bf16[4096,4096], %y: bf16[4096,4096]) -> (bf16[4096,4096]) {
  %z = dot_general %x, %y {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]} : bf16[4096,4096]
  return %z
}
