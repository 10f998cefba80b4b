//: title matrix products around the limits of a tile: 127 to 130 deep, 513 wide
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%l0: f32[127,129], %r0: f32[129,513], %l1: f32[129,127], %r1: f32[127,129], %l2: f32[128,128], %r2: f32[128,512], %l3: f32[130,257], %r3: f32[257,3], %l4: f32[3,1000], %r4: f32[1000,7], %l5: f32[2,2049], %r5: f32[2049,5]) ->
    (f32[127,513], f32[129,129], f32[128,512], f32[130,3], f32[3,7], f32[2,5]) {
  %o0 = dot_general %l0, %r0 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[127,513]
  %o1 = dot_general %l1, %r1 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[129,129]
  %o2 = dot_general %l2, %r2 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[128,512]
  %o3 = dot_general %l3, %r3 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,3]
  %o4 = dot_general %l4, %r4 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3,7]
  %o5 = dot_general %l5, %r5 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2,5]
  return %o0, %o1, %o2, %o3, %o4, %o5
}
