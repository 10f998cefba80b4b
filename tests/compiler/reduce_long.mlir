//: title long reductions, in one stage and in two, whole and ragged
//: in 0 = -3..5
//: in 1 = -3..4
//: in 2 = -1 2 0
//: in 3 = 1..9
//: in 4 = -5..3
//: reference
func @main(%a: f32[20011], %b: f32[16384], %c: f32[3,5000], %d: f32[4099,3], %e: f32[130,2,517]) -> (f32[], f32[], f32[3], f32[3], f32[2], f32[3], f32[]) {
  %z = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %r0 = reduce %a, %z {dimensions = [0]} : f32[] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %r1 = reduce %b, %z {dimensions = [0]} : f32[] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = add %a_2, %b_2
    return %c_2
  }
  %r2 = reduce %c, %z {dimensions = [1]} : f32[3] (%a_3: f32[], %b_3: f32[]) {
    %c_3 = add %a_3, %b_3
    return %c_3
  }
  %r3 = reduce %d, %z {dimensions = [0]} : f32[3] (%a_4: f32[], %b_4: f32[]) {
    %c_4 = add %a_4, %b_4
    return %c_4
  }
  %r4 = reduce %e, %z {dimensions = [0, 2]} : f32[2] (%a_5: f32[], %b_5: f32[]) {
    %c_5 = add %a_5, %b_5
    return %c_5
  }
  %r5 = reduce %c, %low {dimensions = [1]} : f32[3] (%a_6: f32[], %b_6: f32[]) {
    %c_6 = maximum %a_6, %b_6
    return %c_6
  }
  %r6 = reduce %b, %low {dimensions = [0]} : f32[] (%a_7: f32[], %b_7: f32[]) {
    %c_7 = maximum %a_7, %b_7
    return %c_7
  }
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6
}
