//: title sums over every choice of axes, of small integers so that any order is exact
//: in 0 = -3..5
//: in 1 = -7..9
//: reference
func @main(%x: f32[5,129,7], %y: f32[2,3,2,33]) -> (f32[129,7], f32[5,7], f32[5,129], f32[7], f32[129], f32[5], f32[], f32[5,129,7], f32[3,33], f32[2,2]) {
  %z = constant 0.0 : f32[]
  %r0 = reduce %x, %z {dimensions = [0]} : f32[129,7] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %r1 = reduce %x, %z {dimensions = [1]} : f32[5,7] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = add %a_2, %b_2
    return %c_2
  }
  %r2 = reduce %x, %z {dimensions = [2]} : f32[5,129] (%a_3: f32[], %b_3: f32[]) {
    %c_3 = add %a_3, %b_3
    return %c_3
  }
  %r3 = reduce %x, %z {dimensions = [0, 1]} : f32[7] (%a_4: f32[], %b_4: f32[]) {
    %c_4 = add %a_4, %b_4
    return %c_4
  }
  %r4 = reduce %x, %z {dimensions = [0, 2]} : f32[129] (%a_5: f32[], %b_5: f32[]) {
    %c_5 = add %a_5, %b_5
    return %c_5
  }
  %r5 = reduce %x, %z {dimensions = [1, 2]} : f32[5] (%a_6: f32[], %b_6: f32[]) {
    %c_6 = add %a_6, %b_6
    return %c_6
  }
  %r6 = reduce %x, %z {dimensions = [0, 1, 2]} : f32[] (%a_7: f32[], %b_7: f32[]) {
    %c_7 = add %a_7, %b_7
    return %c_7
  }
  %r7 = reduce %x, %z {dimensions = []} : f32[5,129,7] (%a_8: f32[], %b_8: f32[]) {
    %c_8 = add %a_8, %b_8
    return %c_8
  }
  %r8 = reduce %y, %z {dimensions = [0, 2]} : f32[3,33] (%a_9: f32[], %b_9: f32[]) {
    %c_9 = add %a_9, %b_9
    return %c_9
  }
  %r9 = reduce %y, %z {dimensions = [1, 3]} : f32[2,2] (%a_10: f32[], %b_10: f32[]) {
    %c_10 = add %a_10, %b_10
    return %c_10
  }
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9
}
