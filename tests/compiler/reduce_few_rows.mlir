//: title few rows reduced to the contiguous axis come in as they lie, whole and ragged, in floats, words and bytes
//: in 0 = -3..5
//: in 1 = -7..9
//: in 2 = -50..70
//: reference
func @main(%x: f32[3,5,1111], %y: i32[5,700], %w: i8[4,650]) -> (f32[5,1111], f32[1111], i32[700], i8[650], i8[650]) {
  %z = constant 0.0 : f32[]
  %low = constant -100.0 : f32[]
  %zi = constant 0 : i32[]
  %zb = constant 0 : i8[]
  %lowest = constant -128 : i8[]
  %r0 = reduce %x, %z {dimensions = [0]} : f32[5,1111] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %r1 = reduce %x, %low {dimensions = [0, 1]} : f32[1111] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = maximum %a_2, %b_2
    return %c_2
  }
  %r2 = reduce %y, %zi {dimensions = [0]} : i32[700] (%a_3: i32[], %b_3: i32[]) {
    %c_3 = add %a_3, %b_3
    return %c_3
  }
  %r3 = reduce %w, %zb {dimensions = [0]} : i8[650] (%a_4: i8[], %b_4: i8[]) {
    %c_4 = add %a_4, %b_4
    return %c_4
  }
  %r4 = reduce %w, %lowest {dimensions = [0]} : i8[650] (%a_5: i8[], %b_5: i8[]) {
    %c_5 = maximum %a_5, %b_5
    return %c_5
  }
  return %r0, %r1, %r2, %r3, %r4
}
