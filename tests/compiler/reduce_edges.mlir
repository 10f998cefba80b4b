//: title NaN and infinities in reductions, nothing to reduce, starts that are numbers and values
//: in 0 = 1 nan 2 inf 3 4 -inf -1 -2
//: in 1 = 5
//: in 5 = 7
//: out 0 = nan inf -1
//: out 1 = nan 3 -inf
//: out 2 = nan inf -inf
//: out 3 = 5 5
//: out 4 = 9
//: out 6 = 0*129
//: out 7 = 10
//: out 8 = 7 7 7
func @main(%x: f32[3,3], %s: f32[], %e: f32[0,2], %n: f32[3,0], %m: f32[129,0], %j: i32[]) ->
    (f32[3], f32[3], f32[3], f32[2], f32[], f32[0], f32[129], f32[], i32[3]) {
  %z = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %high = constant inf : f32[]
  %r0 = reduce %x, %low {dimensions = [1]} : f32[3] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = maximum %a_1, %b_1
    return %c_1
  }
  %r1 = reduce %x, %high {dimensions = [1]} : f32[3] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = minimum %a_2, %b_2
    return %c_2
  }
  %r2 = reduce %x, %z {dimensions = [1]} : f32[3] (%a_3: f32[], %b_3: f32[]) {
    %c_3 = add %a_3, %b_3
    return %c_3
  }
  %r3 = reduce %e, %s {dimensions = [0]} : f32[2] (%a_4: f32[], %b_4: f32[]) {
    %c_4 = add %a_4, %b_4
    return %c_4
  }
  %nine = constant 9.0 : f32[]
  %r4 = reduce %n, %nine {dimensions = [0, 1]} : f32[] (%a_5: f32[], %b_5: f32[]) {
    %c_5 = add %a_5, %b_5
    return %c_5
  }
  %r5 = reduce %n, %z {dimensions = [0]} : f32[0] (%a_6: f32[], %b_6: f32[]) {
    %c_6 = add %a_6, %b_6
    return %c_6
  }
  %r6 = reduce %m, %z {dimensions = [1]} : f32[129] (%a_7: f32[], %b_7: f32[]) {
    %c_7 = add %a_7, %b_7
    return %c_7
  }
  %ones = constant 1.0 : f32[5]
  %r7 = reduce %ones, %s {dimensions = [0]} : f32[] (%a_8: f32[], %b_8: f32[]) {
    %c_8 = add %a_8, %b_8
    return %c_8
  }
  %none = constant 0 : i32[3,0]
  %r8 = reduce %none, %j {dimensions = [1]} : i32[3] (%a_9: i32[], %b_9: i32[]) {
    %c_9 = add %a_9, %b_9
    return %c_9
  }
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8
}
