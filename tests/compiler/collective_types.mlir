//: title types that collectives join and move: bf16 rounded once, integers that wrap, 64 bits, predicates, bytes of f8E4M3FN
//: in 0 of 0 = 256 1
//: in 0 of 1 = 1 2
//: in 0 of 2 = 1 4
//: in 1 of 0 = 100 -100 3
//: in 1 of 1 = 100 -100 4
//: in 1 of 2 = 100 -100 5
//: in 2 of 0 = 4294967296 -1
//: in 2 of 1 = 8589934592 5
//: in 2 of 2 = -17179869184 7
//: in 3 of 0 = 1 0 0
//: in 3 of 1 = 1 1 0
//: in 3 of 2 = 1 0 0
//: in 4 of 0 = 1.5 2
//: in 4 of 1 = 3 -0.25
//: in 4 of 2 = 448 0.5
//: out 0 = 258 7
//: out 1 = 44 -44 12
//: out 2 = -4294967296 11
//: out 3 = 8589934592 7
//: out 4 of 0 = -17179869184 7
//: out 4 of 1 = 4294967296 -1
//: out 4 of 2 = 8589934592 5
//: out 5 = 1 1 0
//: out 6 = 1 0 0
//: out 7 = 1.5 2 3 -0.25 448 0.5
//: out 8 of 0 = -17179869184 7
//: out 8 of 1 = 0 0
//: out 8 of 2 = -17179869184 7
module @m {mhlo.num_replicas = 3}
func @main(%b: bf16[2], %i: i8[3], %w: i64[2], %p: i1[3], %e: f8e4m3fn[2])
    -> (bf16[2], i8[3], i64[2], i64[2], i64[2], i1[3], i1[3], f8e4m3fn[6], i64[2]) {
  %r0 = all_reduce %b {replica_groups = [[0, 1, 2]]} : bf16[2] (%a0: bf16[], %b0: bf16[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %r1 = all_reduce %i {replica_groups = [[0, 1, 2]]} : i8[3] (%a1: i8[], %b1: i8[]) {
    %c1 = add %a1, %b1
    return %c1
  }
  %r2 = all_reduce %w {replica_groups = [[0, 1, 2]]} : i64[2] (%a2: i64[], %b2: i64[]) {
    %c2 = add %a2, %b2
    return %c2
  }
  %r3 = all_reduce %w {replica_groups = [[0, 1, 2]]} : i64[2] (%a3: i64[], %b3: i64[]) {
    %c3 = maximum %a3, %b3
    return %c3
  }
  %r4 = collective_permute %w {source_target_pairs = [[0, 1], [1, 2], [2, 0]]} : i64[2]
  %r5 = all_reduce %p {replica_groups = [[0, 1, 2]]} : i1[3] (%a5: i1[], %b5: i1[]) {
    %c5 = or %a5, %b5
    return %c5
  }
  %r6 = all_reduce %p {replica_groups = [[0, 1, 2]]} : i1[3] (%a6: i1[], %b6: i1[]) {
    %c6 = minimum %a6, %b6
    return %c6
  }
  %r7 = all_gather %e {replica_groups = [[0, 1, 2]], all_gather_dim = 0} : f8e4m3fn[6]
  %r8 = collective_broadcast %w {replica_groups = [[2, 0]]} : i64[2]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8
}
