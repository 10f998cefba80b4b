//: title rows of several heads come in side by side and are turned one by one
//: clock 110
func @main(%x: f32[8,256,4,64], %y: f32[8,256,4,64]) -> (f32[8,4,256,256]) {
  %z = dot_general %x, %y {lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [0, 2], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3]} : f32[8,4,256,256]
  return %z
}
