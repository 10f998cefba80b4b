//: title rows and columns repeated against a matrix, on both sides of an operator
//: random 2
//: reference
func @main(%x: f32[130,257], %row: f32[257], %column: f32[130], %one: f32[1,1], %wide: i32[130]) ->
    (f32[130,257], f32[130,257], f32[130,257], f32[130,257], f32[130,257], i32[130,257]) {
  %r = broadcast_in_dim %row {broadcast_dimensions = [1]} : f32[130,257]
  %c = broadcast_in_dim %column {broadcast_dimensions = [0]} : f32[130,257]
  %o = broadcast_in_dim %one {broadcast_dimensions = [0, 1]} : f32[130,257]
  %w = broadcast_in_dim %wide {broadcast_dimensions = [0]} : i32[130,257]
  %a = subtract %x, %r
  %b = subtract %c, %x
  %d = divide %x, %c
  %e = multiply %o, %x
  %f = add %r, %c
  %g = add %w, %w
  return %a, %b, %d, %e, %f, %g
}
