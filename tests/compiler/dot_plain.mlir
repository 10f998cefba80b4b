//: title a matrix product whose sizes fill no whole tile
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[37,200], %w: f32[200,531]) -> (f32[37,531]) {
  %y = dot_general %x, %w {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
                           lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[37,531]
  return %y
}
