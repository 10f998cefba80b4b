//: title --auto-cast=matmult in tf32: one cast of a tensor that two products read, one of them turned
//: auto-cast matmult tf32
//: random 2
//: close 1e-2 1e-2
//: reference
//: after fold has 2 = convert
//: after fold has 1 transpose
//: after lower lacks nc_matmul dst=psum.f32[p0:37 +0 129] stationary=sbuf.f32
func @main(%x: f32[37,129], %y: f32[129,65]) -> (f32[37,65], f32[129,129]) {
  %p = dot_general %x, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[37,65]
  %t = transpose %x {permutation = [1, 0]} : f32[129,37]
  %q = dot_general %t, %x {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[129,129]
  return %p, %q
}
