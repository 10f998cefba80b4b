//: title sums over a group's rows are added up in its nest, also after a contraction; where the nest does not suit, apart
//: random 7
//: close 2e-5 1e-6
//: reference
//: after lower has 4 gpsimd.tensor_tensor
//: after lower lacks src=hbm.f32[dot_general
//: after lower has 1 src=hbm.f32[abs
//: after lower has 1 src=hbm.f32[multiply
func @main(%x: f32[3,70,40], %w: f32[40,600], %g: f32[600], %t: f32[5,90,7,6], %z: f32[40,3000]) -> (f32[3,70,600], f32[600], f32[600], f32[3,70], f32[7,6], f32[42], bf16[6], f32[90,7,6], f32[3000]) {
  %zero = constant 0.0 : f32[]
  %half = constant 0.5 : f32[]
  %half16 = constant 0.5 : bf16[]
  %xs = sign %x : f32[3,70,40]
  %ws = sign %w : f32[40,600]
  %a = dot_general %xs, %ws {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3,70,600]
  %sum = reduce %a, %half {dimensions = [0, 1]} : f32[600] (%c: f32[], %d: f32[]) {
    %s = add %c, %d : f32[]
    return %s
  }
  %gs = sign %g : f32[600]
  %gain = broadcast_in_dim %gs {broadcast_dimensions = [2]} : f32[3,70,600]
  %y = multiply %a, %gain : f32[3,70,600]
  %sum1 = reduce %y, %zero {dimensions = [1, 0]} : f32[600] (%e: f32[], %f: f32[]) {
    %s1 = add %e, %f : f32[]
    return %s1
  }
  %wide = reshape %sum1 : f32[1,600]
  %flat = reshape %wide : f32[600]
  %row = reduce %y, %zero {dimensions = [2]} : f32[3,70] (%h: f32[], %i: f32[]) {
    %s2 = add %h, %i : f32[]
    return %s2
  }
  %u = multiply %t, %t : f32[5,90,7,6]
  %v = reduce %u, %zero {dimensions = [0, 1]} : f32[7,6] (%j: f32[], %k: f32[]) {
    %s3 = add %j, %k : f32[]
    return %s3
  }
  %other = reshape %v : f32[42]
  %signs = sign %t : f32[5,90,7,6]
  %small = convert %signs : bf16[5,90,7,6]
  %last = reduce %small, %half16 {dimensions = [0, 1, 2]} : bf16[6] (%l: bf16[], %m: bf16[]) {
    %s4 = add %l, %m : bf16[]
    return %s4
  }
  %first = reduce %u, %zero {dimensions = [0]} : f32[90,7,6] (%n: f32[], %o: f32[]) {
    %s5 = add %n, %o : f32[]
    return %s5
  }
  %size = abs %z : f32[40,3000]
  %apart = reduce %size, %zero {dimensions = [0]} : f32[3000] (%p: f32[], %q: f32[]) {
    %s6 = add %p, %q : f32[]
    return %s6
  }
  return %y, %sum, %flat, %row, %v, %other, %last, %first, %apart
}
