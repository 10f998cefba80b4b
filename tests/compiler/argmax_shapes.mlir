//: title argmax over long, short and single axes
//: random 50
//: reference
func @main(%a: f32[20011], %b: f32[129,33], %c: f32[5,513], %d: i32[3,130], %e: f32[7,1]) ->
    (f32[], i32[], f32[129], i32[129], f32[513], i32[513], i32[3], i32[3], f32[7], i32[7]) {
  %z = constant 0 : i32[]
  %low = constant -inf : f32[]
  %il = constant -2147483648 : i32[]
  %na = iota {iota_dimension = 0} : i32[20011]
  %nb = iota {iota_dimension = 1} : i32[129,33]
  %nc = iota {iota_dimension = 0} : i32[5,513]
  %nd = iota {iota_dimension = 1} : i32[3,130]
  %ne = iota {iota_dimension = 1} : i32[7,1]
  %va, %ia = reduce %a, %na, %low, %z {dimensions = [0]} : f32[], i32[] (%av_1: f32[], %ai_1: i32[], %bv_1: f32[], %bi_1: i32[]) {
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
  %vb, %ib = reduce %b, %nb, %low, %z {dimensions = [1]} : f32[129], i32[129] (%av_2: f32[], %ai_2: i32[], %bv_2: f32[], %bi_2: i32[]) {
    %wins_2 = compare GT %av_2, %bv_2 : i1[]
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
  %vc, %ic = reduce %c, %nc, %low, %z {dimensions = [0]} : f32[513], i32[513] (%av_3: f32[], %ai_3: i32[], %bv_3: f32[], %bi_3: i32[]) {
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
  %vd, %id = reduce %d, %nd, %il, %z {dimensions = [1]} : i32[3], i32[3] (%av_4: i32[], %ai_4: i32[], %bv_4: i32[], %bi_4: i32[]) {
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
  %ve, %ie = reduce %e, %ne, %low, %z {dimensions = [1]} : f32[7], i32[7] (%av_5: f32[], %ai_5: i32[], %bv_5: f32[], %bi_5: i32[]) {
    %wins_5 = compare GT %av_5, %bv_5 : i1[]
    %nan_5 = compare NE %av_5, %av_5 : i1[]
    %first_5 = or %wins_5, %nan_5
    %same_5 = compare EQ %av_5, %bv_5 : i1[]
    %lower_5 = compare LT %ai_5, %bi_5 : i1[]
    %tie_5 = and %same_5, %lower_5
    %take_5 = or %first_5, %tie_5
    %v_5 = select %first_5, %av_5, %bv_5 : f32[]
    %i_5 = select %take_5, %ai_5, %bi_5 : i32[]
    return %v_5, %i_5
  }
  return %va, %ia, %vb, %ib, %vc, %ic, %vd, %id, %ve, %ie
}
