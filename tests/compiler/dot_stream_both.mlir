//: title columns that lie along depth are turned for the first rows and kept; runs of both operands are long
//: clock 1870
func @main(%x: bf16[4096,4096], %y: bf16[4096,4096]) -> (bf16[4096,4096]) {
  %z = dot_general %x, %y {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [1]} : bf16[4096,4096]
  return %z
}
