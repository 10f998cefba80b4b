//: title what one product hands to the next, and to a row reduction, stays in SBUF
//: random 1
//: close 1e-4 1e-4
//: reference
//: after lower has : scratch
//: after reside lacks : scratch
func @main(%x: f32[300,256], %w: f32[256,384], %v: f32[384,256]) -> (f32[300,256]) {
  %zero = constant 0.0 : f32[300,384]
  %u = dot_general %x, %w {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[300,384]
  %h = maximum %u, %zero : f32[300,384]
  %y = dot_general %h, %v {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[300,256]
  return %y
}
