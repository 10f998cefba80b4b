//: title the same of one-byte elements, four axes of them, and of a number that varies along an outer one
//: in 0 = 1 0 1
//: random 6
//: reference
func @main(%b: i1[3], %c: bf16[2,1,5]) -> (i1[3,40,9], bf16[2,6,5,7]) {
  %p = broadcast_in_dim %b {broadcast_dimensions = [0]} : i1[3,40,9]
  %q = broadcast_in_dim %c {broadcast_dimensions = [0, 1, 2]} : bf16[2,6,5,7]
  return %p, %q
}
