//: title sum, product, maximum and minimum of floats, integers and predicates; and, or, xor
//: in 0 = 1 -2 0.5 3 -1 1 2 -0.5
//: in 1 = 1 -2 3 -1 1 65537 7
//: in 2 = 1 2 4294967295 3 65537 7
//: in 3 = 1 1 0 1
//: in 4 = 1
//: in 5 = 2 -3 1 0.5
//: reference
func @main(%f: f32[3,17], %i: i32[17,3], %u: u32[3,129], %p: i1[3,33], %q: i1[129], %h: bf16[5,127]) ->
    (f32[3], f32[3], f32[3], f32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3], i32[3],
     u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], u32[3], i1[3], i1[3], i1[], i1[], bf16[5], bf16[127], bf16[5]) {
  %f0 = constant 0.0 : f32[]
  %f1 = constant 1.0 : f32[]
  %fl = constant -inf : f32[]
  %fh = constant inf : f32[]
  %i0 = constant 0 : i32[]
  %i1 = constant 1 : i32[]
  %il = constant -2147483648 : i32[]
  %ih = constant 2147483647 : i32[]
  %im = constant -1 : i32[]
  %u0 = constant 0 : u32[]
  %u1 = constant 1 : u32[]
  %um = constant 4294967295 : u32[]
  %no = constant false : i1[]
  %yes = constant true : i1[]
  %h0 = constant 0.0 : bf16[]
  %hl = constant -inf : bf16[]
  %r0 = reduce %f, %f0 {dimensions = [1]} : f32[3] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %r1 = reduce %f, %f1 {dimensions = [1]} : f32[3] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = multiply %a_2, %b_2
    return %c_2
  }
  %r2 = reduce %f, %fl {dimensions = [1]} : f32[3] (%a_3: f32[], %b_3: f32[]) {
    %c_3 = maximum %a_3, %b_3
    return %c_3
  }
  %r3 = reduce %f, %fh {dimensions = [1]} : f32[3] (%a_4: f32[], %b_4: f32[]) {
    %c_4 = minimum %a_4, %b_4
    return %c_4
  }
  %r4 = reduce %i, %i0 {dimensions = [0]} : i32[3] (%a_5: i32[], %b_5: i32[]) {
    %c_5 = add %a_5, %b_5
    return %c_5
  }
  %r5 = reduce %i, %i1 {dimensions = [0]} : i32[3] (%a_6: i32[], %b_6: i32[]) {
    %c_6 = multiply %a_6, %b_6
    return %c_6
  }
  %r6 = reduce %i, %il {dimensions = [0]} : i32[3] (%a_7: i32[], %b_7: i32[]) {
    %c_7 = maximum %a_7, %b_7
    return %c_7
  }
  %r7 = reduce %i, %ih {dimensions = [0]} : i32[3] (%a_8: i32[], %b_8: i32[]) {
    %c_8 = minimum %a_8, %b_8
    return %c_8
  }
  %r8 = reduce %i, %im {dimensions = [0]} : i32[3] (%a_9: i32[], %b_9: i32[]) {
    %c_9 = and %a_9, %b_9
    return %c_9
  }
  %r9 = reduce %i, %i0 {dimensions = [0]} : i32[3] (%a_10: i32[], %b_10: i32[]) {
    %c_10 = or %a_10, %b_10
    return %c_10
  }
  %r10 = reduce %i, %i0 {dimensions = [0]} : i32[3] (%a_11: i32[], %b_11: i32[]) {
    %c_11 = xor %a_11, %b_11
    return %c_11
  }
  %r11 = reduce %u, %u0 {dimensions = [1]} : u32[3] (%a_12: u32[], %b_12: u32[]) {
    %c_12 = add %a_12, %b_12
    return %c_12
  }
  %r12 = reduce %u, %u1 {dimensions = [1]} : u32[3] (%a_13: u32[], %b_13: u32[]) {
    %c_13 = multiply %a_13, %b_13
    return %c_13
  }
  %r13 = reduce %u, %u0 {dimensions = [1]} : u32[3] (%a_14: u32[], %b_14: u32[]) {
    %c_14 = maximum %a_14, %b_14
    return %c_14
  }
  %r14 = reduce %u, %um {dimensions = [1]} : u32[3] (%a_15: u32[], %b_15: u32[]) {
    %c_15 = minimum %a_15, %b_15
    return %c_15
  }
  %r15 = reduce %u, %um {dimensions = [1]} : u32[3] (%a_16: u32[], %b_16: u32[]) {
    %c_16 = and %a_16, %b_16
    return %c_16
  }
  %r16 = reduce %u, %u0 {dimensions = [1]} : u32[3] (%a_17: u32[], %b_17: u32[]) {
    %c_17 = or %a_17, %b_17
    return %c_17
  }
  %r17 = reduce %u, %u0 {dimensions = [1]} : u32[3] (%a_18: u32[], %b_18: u32[]) {
    %c_18 = xor %a_18, %b_18
    return %c_18
  }
  %r18 = reduce %p, %yes {dimensions = [1]} : i1[3] (%a_19: i1[], %b_19: i1[]) {
    %c_19 = and %a_19, %b_19
    return %c_19
  }
  %r19 = reduce %p, %no {dimensions = [1]} : i1[3] (%a_20: i1[], %b_20: i1[]) {
    %c_20 = or %a_20, %b_20
    return %c_20
  }
  %r20 = reduce %q, %yes {dimensions = [0]} : i1[] (%a_21: i1[], %b_21: i1[]) {
    %c_21 = and %a_21, %b_21
    return %c_21
  }
  %r21 = reduce %q, %no {dimensions = [0]} : i1[] (%a_22: i1[], %b_22: i1[]) {
    %c_22 = or %a_22, %b_22
    return %c_22
  }
  %r22 = reduce %h, %h0 {dimensions = [1]} : bf16[5] (%a_23: bf16[], %b_23: bf16[]) {
    %c_23 = add %a_23, %b_23
    return %c_23
  }
  %r23 = reduce %h, %h0 {dimensions = [0]} : bf16[127] (%a_24: bf16[], %b_24: bf16[]) {
    %c_24 = add %a_24, %b_24
    return %c_24
  }
  %r24 = reduce %h, %hl {dimensions = [1]} : bf16[5] (%a_25: bf16[], %b_25: bf16[]) {
    %c_25 = maximum %a_25, %b_25
    return %c_25
  }
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11, %r12, %r13, %r14, %r15, %r16, %r17, %r18, %r19, %r20, %r21, %r22, %r23, %r24
}
