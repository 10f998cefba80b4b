//: title no more than 50 MiB become one; large ones go alone, and of what would be copied all that are not small
//: random 1
//: after combine has 5 all_reduce
//: after combine has 2 : f32[11673600]
//: after combine has 2 : f32[1945604]
//: after combine has 1 all_reduce %2 {
//: after combine has 1 all_reduce %138 {
module @m {mhlo.num_replicas = 2}
func @main(%x: f32[8,1024], %y: f32[8,1900], %large: f32[100000], %out: f32[100000], %z: f32[4], %w: f32[8,1500]) -> (f32[4], f32[100000], f32[100000], f32[1500,1500], f32[1024,1900], f32[1024,1900], f32[1024,1900], f32[1024,1900], f32[1024,1900], f32[1024,1900], f32[1024,1900]) {
  %p0 = dot_general %x, %y {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j0 = all_reduce %p0 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a0: f32[], %b0: f32[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %r0 = negate %j0
  %y0 = multiply %y, %y
  %p1 = dot_general %x, %y0 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j1 = all_reduce %p1 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a1: f32[], %b1: f32[]) {
    %c1 = add %a1, %b1
    return %c1
  }
  %r1 = negate %j1
  %y1 = multiply %y, %y0
  %p2 = dot_general %x, %y1 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j2 = all_reduce %p2 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a2: f32[], %b2: f32[]) {
    %c2 = add %a2, %b2
    return %c2
  }
  %r2 = negate %j2
  %y2 = multiply %y, %y1
  %p3 = dot_general %x, %y2 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j3 = all_reduce %p3 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a3: f32[], %b3: f32[]) {
    %c3 = add %a3, %b3
    return %c3
  }
  %r3 = negate %j3
  %y3 = multiply %y, %y2
  %p4 = dot_general %x, %y3 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j4 = all_reduce %p4 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a4: f32[], %b4: f32[]) {
    %c4 = add %a4, %b4
    return %c4
  }
  %r4 = negate %j4
  %y4 = multiply %y, %y3
  %p5 = dot_general %x, %y4 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j5 = all_reduce %p5 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a5: f32[], %b5: f32[]) {
    %c5 = add %a5, %b5
    return %c5
  }
  %r5 = negate %j5
  %y5 = multiply %y, %y4
  %p6 = dot_general %x, %y5 {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1024,1900]
  %j6 = all_reduce %p6 {replica_groups = [[0, 1]]} : f32[1024,1900] (%a6: f32[], %b6: f32[]) {
    %c6 = add %a6, %b6
    return %c6
  }
  %r6 = negate %j6
  %y6 = multiply %y, %y5
  %jl = all_reduce %large {replica_groups = [[0, 1]]} : f32[100000] (%a7: f32[], %b7: f32[]) {
    %c7 = add %a7, %b7
    return %c7
  }
  %ll = negate %jl
  %jz = all_reduce %z {replica_groups = [[0, 1]]} : f32[4] (%a8: f32[], %b8: f32[]) {
    %c8 = add %a8, %b8
    return %c8
  }
  %o = negate %out
  %jo = all_reduce %o {replica_groups = [[0, 1]]} : f32[100000] (%a9: f32[], %b9: f32[]) {
    %c9 = add %a9, %b9
    return %c9
  }
  %g = dot_general %w, %w {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                         lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[1500,1500]
  %jg = all_reduce %g {replica_groups = [[0, 1]]} : f32[1500,1500] (%a10: f32[], %b10: f32[]) {
    %c10 = add %a10, %b10
    return %c10
  }
  %rg = negate %jg
  return %jz, %ll, %jo, %rg, %r0, %r1, %r2, %r3, %r4, %r5, %r6
}
