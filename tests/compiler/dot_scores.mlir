//: title softmax of scores by heads takes them from PSUM
//: random 1
//: close 1e-5 1e-5
//: reference
//: after lower lacks dst=hbm.f32[dot_general
func @main(%q: f32[2,3,70,16], %k: f32[2,3,130,16]) -> (f32[2,3,70,130]) {
  %low = constant -inf : f32[]
  %zero = constant 0.0 : f32[]
  %scale = constant 0.25 : f32[2,3,70,130]
  %scores = dot_general %q, %k {lhs_batching_dimensions = [0, 1], rhs_batching_dimensions = [0, 1], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [3]} : f32[2,3,70,130]
  %x = multiply %scores, %scale : f32[2,3,70,130]
  %most = reduce %x, %low {dimensions = [3]} : f32[2,3,70] (%a: f32[], %b: f32[]) {
    %m = maximum %a, %b : f32[]
    return %m
  }
  %wide = broadcast_in_dim %most {broadcast_dimensions = [0, 1, 2]} : f32[2,3,70,130]
  %below = subtract %x, %wide : f32[2,3,70,130]
  %e = exponential %below : f32[2,3,70,130]
  %sum = reduce %e, %zero {dimensions = [3]} : f32[2,3,70] (%c: f32[], %d: f32[]) {
    %s = add %c, %d : f32[]
    return %s
  }
  %sums = broadcast_in_dim %sum {broadcast_dimensions = [0, 1, 2]} : f32[2,3,70,130]
  %p = divide %e, %sums : f32[2,3,70,130]
  return %p
}
