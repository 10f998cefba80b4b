//: title sums that keep the contiguous axis, on the PE: ragged rows, several banks, axes around, an initial value; small integers, so that any order is exact
//: in 0 = -3..5
//: in 1 = -2..3
//: in 2 = -1..1
//: reference
func @main(%x: f32[300,600], %y: f32[3,140,33], %w: bf16[4,96,64]) -> (f32[600], f32[3,33], f32[33], bf16[64], bf16[4,64], f32[33]) {
  %z = constant 0.0 : f32[]
  %zb = constant 0.0 : bf16[]
  %two = constant 2.0 : f32[]
  %r0 = reduce %x, %z {dimensions = [0]} : f32[600] (%a_1: f32[], %b_1: f32[]) {
    %c_1 = add %a_1, %b_1
    return %c_1
  }
  %r1 = reduce %y, %z {dimensions = [1]} : f32[3,33] (%a_2: f32[], %b_2: f32[]) {
    %c_2 = add %a_2, %b_2
    return %c_2
  }
  %r2 = reduce %y, %z {dimensions = [0, 1]} : f32[33] (%a_3: f32[], %b_3: f32[]) {
    %c_3 = add %a_3, %b_3
    return %c_3
  }
  %r3 = reduce %w, %zb {dimensions = [0, 1]} : bf16[64] (%a_4: bf16[], %b_4: bf16[]) {
    %c_4 = add %a_4, %b_4
    return %c_4
  }
  %r4 = reduce %w, %zb {dimensions = [1]} : bf16[4,64] (%a_5: bf16[], %b_5: bf16[]) {
    %c_5 = add %a_5, %b_5
    return %c_5
  }
  %r5 = reduce %y, %two {dimensions = [0, 1]} : f32[33] (%a_6: f32[], %b_6: f32[]) {
    %c_6 = add %a_6, %b_6
    return %c_6
  }
  return %r0, %r1, %r2, %r3, %r4, %r5
}
