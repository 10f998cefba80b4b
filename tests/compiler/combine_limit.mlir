//: title no more than 50 MiB become one, and of what would be copied no more than a collective's start is worth
//: random 1
//: after combine has 4 all_reduce
//: after combine has 1 all_reduce %2 {
//: after combine has 1 all_reduce %51 {
//: after combine has 2 : f32[7340032]
//: after combine has 2 : f32[7340036]
module @m {mhlo.num_replicas = 2}
func @main(%x: f32[64,2048], %y: f32[64,3584], %large: f32[100000], %out: f32[100000], %z: f32[4]) -> (f32[2048,3584], f32[2048,3584], f32[4], f32[100000], f32[100000]) {
  %p = dot_general %x, %y {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2048,3584]
  %jp = all_reduce %p {replica_groups = [[0, 1]]} : f32[2048,3584] (%a0: f32[], %b0: f32[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %jl = all_reduce %large {replica_groups = [[0, 1]]} : f32[100000] (%a1: f32[], %b1: f32[]) {
    %c1 = add %a1, %b1
    return %c1
  }
  %w = multiply %y, %y
  %q = dot_general %x, %w {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2048,3584]
  %jq = all_reduce %q {replica_groups = [[0, 1]]} : f32[2048,3584] (%a2: f32[], %b2: f32[]) {
    %c2 = add %a2, %b2
    return %c2
  }
  %jz = all_reduce %z {replica_groups = [[0, 1]]} : f32[4] (%a3: f32[], %b3: f32[]) {
    %c3 = add %a3, %b3
    return %c3
  }
  %o = negate %out
  %jo = all_reduce %o {replica_groups = [[0, 1]]} : f32[100000] (%a4: f32[], %b4: f32[]) {
    %c4 = add %a4, %b4
    return %c4
  }
  %r0 = negate %jp
  %r1 = negate %jq
  %r3 = negate %jl
  return %r0, %r1, %jz, %r3, %jo
}
