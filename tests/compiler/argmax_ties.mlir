//: title argmax and argmin take the first of equal values, and NaN before all
//: in 0 = 1 3 3 2 nan 5 nan 9 -1 -1 -1 -1 inf -inf inf 0
//: in 1 = 7 -7 2147483647 16777217 16777216 16777217 -2147483648 2147483647
//: in 2 = 3 1 2 3
//: out 0 = 1 0 0 0
//: out 1 = 0 0 0 1
//: out 2 = 1 1 1 1
//: out 3 = 2 3
//: out 4 = 1 2
//: out 5 = 0
//: out 6 = 3 nan -1 inf
func @main(%x: f32[4,4], %y: i32[2,4], %b: bf16[4]) -> (i32[4], i32[4], i32[4], i32[2], i32[2], i32[], f32[4]) {
  %z = constant 0 : i32[]
  %low = constant -inf : f32[]
  %high = constant inf : f32[]
  %il = constant -2147483648 : i32[]
  %ih = constant 2147483647 : i32[]
  %bl = constant -inf : bf16[]
  %n = iota {iota_dimension = 1} : i32[4,4]
  %m = iota {iota_dimension = 1} : i32[2,4]
  %l = iota {iota_dimension = 0} : i32[4]
  %o = iota {iota_dimension = 0} : i32[4,4]
  %v0, %i0 = reduce %x, %n, %low, %z {dimensions = [1]} : f32[4], i32[4] (%av_1: f32[], %ai_1: i32[], %bv_1: f32[], %bi_1: i32[]) {
    %wins_1 = compare GT %av_1, %bv_1 : i1[]
    %nan_1 = compare NE %av_1, %av_1 : i1[]
    %first_1 = or %wins_1, %nan_1
    %same_1 = compare EQ %av_1, %bv_1 : i1[]
    %lower_1 = compare LT %ai_1, %bi_1 : i1[]
    %tie_1 = and %same_1, %lower_1
    %take_1 = or %first_1, %tie_1
    %v_1 = select %first_1, %av_1, %bv_1 : f32[]
    %i_1 = select %take_1, %ai_1, %bi_1 : i32[]
    return %v_1, %i_1
  }
  %v1, %i1 = reduce %x, %n, %high, %z {dimensions = [1]} : f32[4], i32[4] (%av_2: f32[], %ai_2: i32[], %bv_2: f32[], %bi_2: i32[]) {
    %wins_2 = compare LT %av_2, %bv_2 : i1[]
    %nan_2 = compare NE %av_2, %av_2 : i1[]
    %first_2 = or %wins_2, %nan_2
    %same_2 = compare EQ %av_2, %bv_2 : i1[]
    %lower_2 = compare LT %ai_2, %bi_2 : i1[]
    %tie_2 = and %same_2, %lower_2
    %take_2 = or %first_2, %tie_2
    %v_2 = select %first_2, %av_2, %bv_2 : f32[]
    %i_2 = select %take_2, %ai_2, %bi_2 : i32[]
    return %v_2, %i_2
  }
  %v2, %i2 = reduce %x, %o, %low, %z {dimensions = [0]} : f32[4], i32[4] (%av_3: f32[], %ai_3: i32[], %bv_3: f32[], %bi_3: i32[]) {
    %wins_3 = compare GT %av_3, %bv_3 : i1[]
    %nan_3 = compare NE %av_3, %av_3 : i1[]
    %first_3 = or %wins_3, %nan_3
    %same_3 = compare EQ %av_3, %bv_3 : i1[]
    %lower_3 = compare LT %ai_3, %bi_3 : i1[]
    %tie_3 = and %same_3, %lower_3
    %take_3 = or %first_3, %tie_3
    %v_3 = select %first_3, %av_3, %bv_3 : f32[]
    %i_3 = select %take_3, %ai_3, %bi_3 : i32[]
    return %v_3, %i_3
  }
  %v3, %i3 = reduce %y, %m, %il, %z {dimensions = [1]} : i32[2], i32[2] (%av_4: i32[], %ai_4: i32[], %bv_4: i32[], %bi_4: i32[]) {
    %wins_4 = compare GT %av_4, %bv_4 : i1[]
    %first_4 = or %wins_4, %wins_4
    %same_4 = compare EQ %av_4, %bv_4 : i1[]
    %lower_4 = compare LT %ai_4, %bi_4 : i1[]
    %tie_4 = and %same_4, %lower_4
    %take_4 = or %first_4, %tie_4
    %v_4 = select %first_4, %av_4, %bv_4 : i32[]
    %i_4 = select %take_4, %ai_4, %bi_4 : i32[]
    return %v_4, %i_4
  }
  %v4, %i4 = reduce %y, %m, %ih, %z {dimensions = [1]} : i32[2], i32[2] (%av_5: i32[], %ai_5: i32[], %bv_5: i32[], %bi_5: i32[]) {
    %wins_5 = compare LT %av_5, %bv_5 : i1[]
    %first_5 = or %wins_5, %wins_5
    %same_5 = compare EQ %av_5, %bv_5 : i1[]
    %lower_5 = compare LT %ai_5, %bi_5 : i1[]
    %tie_5 = and %same_5, %lower_5
    %take_5 = or %first_5, %tie_5
    %v_5 = select %first_5, %av_5, %bv_5 : i32[]
    %i_5 = select %take_5, %ai_5, %bi_5 : i32[]
    return %v_5, %i_5
  }
  %v5, %i5 = reduce %b, %l, %bl, %z {dimensions = [0]} : bf16[], i32[] (%av_6: bf16[], %ai_6: i32[], %bv_6: bf16[], %bi_6: i32[]) {
    %wins_6 = compare GT %av_6, %bv_6 : i1[]
    %nan_6 = compare NE %av_6, %av_6 : i1[]
    %first_6 = or %wins_6, %nan_6
    %same_6 = compare EQ %av_6, %bv_6 : i1[]
    %lower_6 = compare LT %ai_6, %bi_6 : i1[]
    %tie_6 = and %same_6, %lower_6
    %take_6 = or %first_6, %tie_6
    %v_6 = select %first_6, %av_6, %bv_6 : bf16[]
    %i_6 = select %take_6, %ai_6, %bi_6 : i32[]
    return %v_6, %i_6
  }
  return %i0, %i1, %i2, %i3, %i4, %i5, %v0
}
