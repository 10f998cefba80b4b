//: title rows of both operands lie across depth: nothing is turned, and 8192 products of 512 + 32 cycles, 1591.6 us, wait for the first panels alone, of 10 MB
//: clock 1675
func @main(%x: bf16[4096,4096], %y: bf16[4096,4096]) -> (bf16[4096,4096]) {
  %z = dot_general %x, %y {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : bf16[4096,4096]
  return %z
}
