//: title the transpose of a product is the product of the swapped operands
//: random 1
//: close 1e-5 1e-5
//: reference
//: after fold has 1 transpose
func @main(%a: f32[3,33,5], %b: f32[3,5,7]) -> (f32[3,7,33], f32[33,3,7]) {
  %c = dot_general %a, %b {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[3,33,7]
  %t = transpose %c {permutation = [0, 2, 1]} : f32[3,7,33]
  %d = dot_general %b, %a {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [2],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[3,7,33]
  %u = transpose %d {permutation = [2, 0, 1]} : f32[33,3,7]
  return %t, %u
}
