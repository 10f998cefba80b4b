//: title operands of a layer are loaded while the layer before is computed, into room that was free for long
//: clock 52
func @main(%x: f32[128,512], %a: f32[512,512], %b: f32[512,512], %c: f32[512,512]) -> (f32[128,512]) {
  %first = dot_general %x, %a {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[128,512]
  %bent = tanh %first : f32[128,512]
  %second = dot_general %bent, %b {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[128,512]
  %curved = tanh %second : f32[128,512]
  %out = dot_general %curved, %c {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[128,512]
  return %out
}
