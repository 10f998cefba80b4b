//: title rows that are turned while others are multiplied: several panels of both sides, ragged tiles; one row tile after the other with a reader; depth in two groups of chunks
//: random 1
//: close 1e-5 1e-4
//: reference
//: after lower has 10 = min(1,
func @main(%x: f32[1300,129], %y: f32[129,1100], %bias: f32[1300,70], %z: f32[129,70]) -> (f32[1300,1100], f32[1300,70]) {
  %a = dot_general %x, %y {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[1300,1100]
  %b = dot_general %x, %z {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[1300,70]
  %c = add %b, %bias : f32[1300,70]
  return %a, %c
}
