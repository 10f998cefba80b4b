//: title depth that SBUF does not hold at once: all row tiles of a panel add up in PSUM side by side, read out once
//: in 0 = 1
//: in 1 = 1
//: out 0 = 20005*4000
//: after lower has 1 src=hbm.f32[argument1
func @main(%a: f32[200,20005], %b: f32[20005,20]) -> (f32[200,20]) {
  %y = dot_general %a, %b {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[200,20]
  return %y
}
