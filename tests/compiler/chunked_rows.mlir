//: title rows longer than SBUF are reduced chunk by chunk where their elements are computed
//: random 4
//: close 2e-5 1e-6
//: reference
//: after lower has 2 src=hbm.f32[argument0
//: after lower has 0 dst=hbm.f32[exponential
func @main(%x: f32[64,40000], %y: f32[64]) -> (f32[64], f32[64], f32[64,40000]) {
  %zero = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %row = broadcast_in_dim %y {broadcast_dimensions = [0]} : f32[64,40000]
  %off = subtract %x, %row
  %power = exponential %off
  %sum = reduce %power, %zero {dimensions = [1]} : f32[64] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %most = reduce %off, %low {dimensions = [1]} : f32[64] (%d: f32[], %e: f32[]) {
    %f = maximum %d, %e
    return %f
  }
  %each = broadcast_in_dim %sum {broadcast_dimensions = [0]} : f32[64,40000]
  %share = divide %power, %each
  return %sum, %most, %share
}
