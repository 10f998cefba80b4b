//: title copies that change the contiguous axis: ragged blocks, outer axes, narrow types, an operand of arithmetic that lies across
//: in 0 = -300..300
//: in 1 = -3..5
//: in 2 = 0..200
//: reference
func @main(%x: f32[3,130,45], %y: bf16[200,33], %z: u8[40,150]) -> (f32[3,45,130], f32[3,45,130], bf16[33,200], u8[150,40], bf16[33,400]) {
  %t = transpose %x {permutation = [0, 2, 1]} : f32[3,45,130]
  %c = concatenate %t {dimension = 0} : f32[3,45,130]
  %one = constant 1.0 : f32[3,45,130]
  %a = add %t, %one : f32[3,45,130]
  %u = transpose %y {permutation = [1, 0]} : bf16[33,200]
  %d = concatenate %u {dimension = 0} : bf16[33,200]
  %w = transpose %z {permutation = [1, 0]} : u8[150,40]
  %two = concatenate %u, %u {dimension = 1} : bf16[33,400]
  return %c, %a, %d, %w, %two
}
