//: title a product that is read twice after a reshape is read in SBUF
//: in 0 = 1 nan 2 3 4 5 6
//: in 1 = 1 2 3
//: reference
func @main(%a: f32[129,31,7], %b: f32[129]) -> (i1[129,1,31,7]) {
  %p = dot_general %a, %b {lhs_batching_dimensions = [0], lhs_contracting_dimensions = [], rhs_batching_dimensions = [0], rhs_contracting_dimensions = []} : f32[129,31,7]
  %q = reshape %p : f32[129,1,31,7]
  %n = compare NE %q, %q : i1[129,1,31,7]
  return %n
}
