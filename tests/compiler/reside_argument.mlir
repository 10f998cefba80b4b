//: title an argument that a product brings as a whole is not loaded again
//: random 1
//: close 1e-4 1e-4
//: reference
//: after lower has 2 src=hbm.f32[argument1
//: after reside has 1 src=hbm.f32[argument1
func @main(%x: f32[300,256], %w: f32[256,384], %m: f32[256,384]) -> (f32[300,384], f32[256,384]) {
  %y = dot_general %x, %w {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[300,384]
  %d = dot_general %x, %y {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[256,384]
  %s = add %m, %d : f32[256,384]
  %n = subtract %w, %s : f32[256,384]
  return %y, %n
}
