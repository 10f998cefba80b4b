//: title softmax over the last axis is one pass: rows are reduced where they lie, and nothing but the result is stored
//: random 4
//: close 2e-6 1e-7
//: reference
//: after lower has 1 src=hbm.f32[argument0
//: after lower has 1 dst=hbm.
func @main(%x: f32[3,50,40]) -> (f32[3,50,40]) {
  %low = constant -inf : f32[]
  %zero = constant 0.0 : f32[]
  %most = reduce %x, %low {dimensions = [2]} : f32[3,50] (%a: f32[], %b: f32[]) {
    %m = maximum %a, %b : f32[]
    return %m
  }
  %column = broadcast_in_dim %most {broadcast_dimensions = [0, 1]} : f32[3,50,1]
  %wide = broadcast_in_dim %column {broadcast_dimensions = [0, 1, 2]} : f32[3,50,40]
  %below = subtract %x, %wide : f32[3,50,40]
  %e = exponential %below : f32[3,50,40]
  %sum = reduce %e, %zero {dimensions = [2]} : f32[3,50] (%c: f32[], %d: f32[]) {
    %s = add %c, %d : f32[]
    return %s
  }
  %sums = broadcast_in_dim %sum {broadcast_dimensions = [0, 1]} : f32[3,50,40]
  %p = divide %e, %sums : f32[3,50,40]
  return %p
}
