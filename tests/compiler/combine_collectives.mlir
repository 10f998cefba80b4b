//: title small all_reduces that do not depend on each other become one; a product's turns before it
//: in 0 of 0 = 1..6
//: in 0 of 1 = 11..16
//: in 1 of 0 = 1..4
//: in 1 of 1 = 5..8
//: out 0 = 166 196 182 216 198 236
//: out 1 = 10404
//: out 2 = 26 40 58 80
//: out 3 = 5 6 7 8
//: out 4 = 52 80 116 160
//: after fold lacks transpose
//: after fold has 5 all_reduce
//: after combine has 3 all_reduce
//: after combine has 1 concatenate
//: after combine has 2 : f32[11] @"train.py":7:1
//: after lower has 1 kind=all_reduce dst=hbm.f32[all_reduce +0 11]
module @m {mhlo.num_replicas = 2}
func @main(%x: f32[2,3], %y: f32[2,2]) -> (f32[3,2], f32[], f32[2,2], f32[2,2], f32[2,2]) {
  %zero = constant 0.0 : f32[]
  %p = dot_general %y, %x {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
                           lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2,3]
  %jp = all_reduce %p {replica_groups = [[0, 1]]} : f32[2,3] @"train.py":7:1 (%a0: f32[], %b0: f32[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %r0 = transpose %jp {permutation = [1, 0]} : f32[3,2]
  %s = reduce %x, %zero {dimensions = [0, 1]} : f32[] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %js = all_reduce %s {replica_groups = [[0, 1]]} : f32[] (%a1: f32[], %b1: f32[]) {
    %c1 = add %a1, %b1
    return %c1
  }
  %r1 = multiply %js, %js
  %r3 = all_reduce %y {replica_groups = [[0, 1]]} : f32[2,2] (%a2: f32[], %b2: f32[]) {
    %c2 = maximum %a2, %b2
    return %c2
  }
  %t = multiply %y, %y
  %r2 = all_reduce %t {replica_groups = [[0, 1]]} : f32[2,2] (%a3: f32[], %b3: f32[]) {
    %c3 = add %a3, %b3
    return %c3
  }
  %r4 = all_reduce %r2 {replica_groups = [[0, 1]]} : f32[2,2] (%a4: f32[], %b4: f32[]) {
    %c4 = add %a4, %b4
    return %c4
  }
  return %r0, %r1, %r2, %r3, %r4
}
