//: title a Cholesky factor reads one triangle; one that does not exist is NaN; triangular systems from both sides
//: in 0 = 4 2 2 nan 5 3 nan nan 6 -1 0 0 nan 1 0 nan nan 1
//: in 1 = 2 nan nan 1 2 nan 1 1 2
//: in 2 = 2 3 4
//: out 0 = 2 1 1 0 2 1 0 0 2 nan*9
//: out 1 = 1 1 1
//: out 2 = -0.25 0.5 2
//: after expand lacks cholesky
func @main(%a: f32[2,3,3], %l: f32[3,3], %b: f32[3,1]) -> (f32[2,3,3], f32[3,1], f32[1,3]) {
  %u = cholesky %a {lower = false} : f32[2,3,3]
  %x = triangular_solve %l, %b {left_side = true, lower = true, transpose_a = NO_TRANSPOSE, unit_diagonal = false} : f32[3,1]
  %r = reshape %b : f32[1,3]
  %y = triangular_solve %l, %r {left_side = false, lower = true, transpose_a = NO_TRANSPOSE, unit_diagonal = false} : f32[1,3]
  return %u, %x, %y
}
