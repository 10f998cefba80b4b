//: title reductions of transposed, repeated, sliced and counted operands, from a start that is a view
//: in 0 = -3..5
//: in 1 = 1 2 3 4 5
//: reference
func @main(%x: f32[5,129], %v: f32[5]) -> (f32[129], f32[5], f32[3], f32[], i32[], f32[5], f32[]) {
  %z = constant 0.0 : f32[]
  %t = transpose %x {permutation = [1, 0]} : f32[129,5]
  %r0 = reduce %t, %z {dimensions = [1]} : f32[129] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %b = broadcast_in_dim %v {broadcast_dimensions = [0]} : f32[5,33]
  %r1 = reduce %b, %z {dimensions = [1]} : f32[5] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = add %a_2, %b_2
    return %c_2
  }
  %s = slice %x {start_indices = [0, 1], limit_indices = [5, 129], strides = [2, 2]} : f32[3,64]
  %r2 = reduce %s, %z {dimensions = [1]} : f32[3] (%a_3: f32[], %b_3: f32[]) {
    %c_3 = add %a_3, %b_3
    return %c_3
  }
  %c = constant 0.5 : f32[3,129]
  %r3 = reduce %c, %z {dimensions = [0, 1]} : f32[] (%a_4: f32[], %b_4: f32[]) {
    %c_4 = add %a_4, %b_4
    return %c_4
  }
  %count = iota {iota_dimension = 0} : i32[130]
  %last = slice %count {start_indices = [7], limit_indices = [8], strides = [1]} : i32[1]
  %start = reshape %last : i32[]
  %r4 = reduce %count, %start {dimensions = [0]} : i32[] (%a_5: i32[], %b_5: i32[]) {
    %c_5 = add %a_5, %b_5
    return %c_5
  }
  %back = reverse %x {dimensions = [0, 1]} : f32[5,129]
  %r5 = reduce %back, %z {dimensions = [1]} : f32[5] (%a_6: f32[], %b_6: f32[]) {
    %c_6 = add %a_6, %b_6
    return %c_6
  }
  %third = slice %v {start_indices = [2], limit_indices = [3], strides = [1]} : f32[1]
  %from = reshape %third : f32[]
  %r6 = reduce %v, %from {dimensions = [0]} : f32[] (%a_7: f32[], %b_7: f32[]) {
    %c_7 = add %a_7, %b_7
    return %c_7
  }
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6
}
