//: title products without rows, columns, batches or depth
//: random 1
//: out 0 = 0*15
//: out 4 = 0*6
func @main(%a: f32[3,0], %b: f32[0,5], %c: f32[0,7], %d: f32[7,2], %e: f32[0,3,4], %f: f32[0,4,5], %g: bf16[2,0], %h: bf16[0,3]) ->
    (f32[3,5], f32[0,2], f32[7,0], f32[0,3,5], f32[2,3]) {
  %r0 = dot_general %a, %b {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3,5]
  %r1 = dot_general %c, %d {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[0,2]
  %z = constant 1.0 : f32[2,0]
  %r2 = dot_general %d, %z {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[7,0]
  %r3 = dot_general %e, %f {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : f32[0,3,5]
  %r4 = dot_general %g, %h {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2,3]
  return %r0, %r1, %r2, %r3, %r4
}
