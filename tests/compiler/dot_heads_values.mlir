//: title rows of several heads that come in side by side, ragged, against the reference
//: in 0 = -3..5
//: in 1 = -7..9
//: reference
func @main(%x: f32[2,70,6,40], %y: f32[2,130,6,40]) -> (f32[2,6,70,130]) {
  %z = dot_general %x, %y {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 2], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3]} : f32[2,6,70,130]
  return %z
}
