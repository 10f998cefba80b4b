//: title sums of what all_reduces leave are one all_reduce of sums, in the block that they are in
//: in 0 of 0 = 1 2
//: in 0 of 1 = 3 5
//: in 1 of 0 = 10 20
//: in 1 of 1 = 30 40
//: out 0 of 0 = 1161 2242
//: out 0 of 1 = 1163 2245
//: out 1 = 14 36
//: out 2 = 308 734
//: after fold has 7 all_reduce
//: after combine has 2 all_reduce
module @m {mhlo.num_replicas = 2}
func @main(%x: f32[2], %y: f32[2]) -> (f32[2], f32[2], f32[2]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %two = constant 2 : i32[]
  %three = constant 3.0 : f32[2]
  %xx = multiply %x, %x
  %xy = multiply %x, %y
  %yy = multiply %y, %y
  %y3 = multiply %y, %three
  %j0 = all_reduce %y {replica_groups = [[0, 1]]} : f32[2] (%a0: f32[], %b0: f32[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %s0 = add %x, %j0
  %j1 = all_reduce %yy {replica_groups = [[0, 1]]} : f32[2] (%a1: f32[], %b1: f32[]) {
    %c1 = add %a1, %b1
    return %c1
  }
  %s1 = add %j1, %s0
  %j2 = all_reduce %y3 {replica_groups = [[0, 1]]} : f32[2] (%a2: f32[], %b2: f32[]) {
    %c2 = add %a2, %b2
    return %c2
  }
  %r0 = add %s1, %j2
  %j3 = all_reduce %x {replica_groups = [[0, 1]]} : f32[2] (%a3: f32[], %b3: f32[]) {
    %c3 = add %a3, %b3
    return %c3
  }
  %j4 = all_reduce %xx {replica_groups = [[0, 1]]} : f32[2] (%a4: f32[], %b4: f32[]) {
    %c4 = add %a4, %b4
    return %c4
  }
  %r1 = add %j3, %j4
  %u = all_reduce %xy {replica_groups = [[0, 1]]} : f32[2] (%a5: f32[], %b5: f32[]) {
    %c5 = add %a5, %b5
    return %c5
  }
  %n, %r2 = while %zero, %x : i32[], f32[2] (%i: i32[], %acc: f32[2]) {
    %more = compare LT %i, %two
    return %more
  } (%j: i32[], %old: f32[2]) {
    %j6 = all_reduce %old {replica_groups = [[0, 1]]} : f32[2] (%a6: f32[], %b6: f32[]) {
      %c6 = add %a6, %b6
      return %c6
    }
    %new = add %j6, %u
    %k = add %j, %one
    return %k, %new
  }
  return %r0, %r1, %r2
}
