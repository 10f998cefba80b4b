//: title by a value of a row: its reciprocal is taken once a row, before it is repeated
//: random 3
//: close 3e-7 1e-30
//: reference
//: after lower has 0 func=reciprocal
//: after divide has 1 divide
//: after lower has 1 =divide
func @main(%x: f32[6,300]) -> (f32[6,300]) {
  %zero = constant 0.0 : f32[]
  %one = constant 1.0 : f32[6]
  %square = multiply %x, %x
  %sum = reduce %square, %zero {dimensions = [1]} : f32[6] (%a: f32[], %b: f32[]) {
    %s = add %a, %b : f32[]
    return %s
  }
  %norm = sqrt %sum
  %most = maximum %norm, %one
  %wide = broadcast_in_dim %most {broadcast_dimensions = [0]} : f32[6,300]
  %y = divide %x, %wide
  return %y
}
