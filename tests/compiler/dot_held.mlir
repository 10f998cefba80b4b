//: title a panel that is held comes while the one before it is used: several panels of both sides, the last ones ragged, for each batch anew; depth in one piece or two
//: random 1
//: close 1e-5 1e-4
//: reference
//: after lower has 6 min(1,
func @main(%x: f32[20,1300], %y: f32[20,2300], %u: f32[140,1100], %v: f32[140,1030], %p: f32[2,10,1100], %q: f32[2,10,2100]) -> (f32[1300,2300], f32[1100,1030], f32[2,1100,2100]) {
  %a = dot_general %x, %y {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[1300,2300]
  %b = dot_general %u, %v {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[1100,1030]
  %c = dot_general %p, %q {lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]} : f32[2,1100,2100]
  return %a, %b, %c
}
