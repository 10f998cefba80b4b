//: title reversed arrays: rows, one long row with a rest, both axes, an outer axis alone, narrow types, an operand of arithmetic
//: in 0 = nan inf -inf -0 0..40
//: in 1 = 0..200
//: in 2 = 1..250
//: reference
//: after lower has vector.tensor_copy
func @main(%x: f32[5,70], %y: bf16[20011], %z: u8[2,150,20]) -> (f32[5,70], bf16[20011], u8[2,150,20], u8[2,150,20], f32[5,70]) {
  %a = reverse %x {dimensions = [1]} : f32[5,70]
  %b = reverse %y {dimensions = [0]} : bf16[20011]
  %c = reverse %z {dimensions = [1, 2]} : u8[2,150,20]
  %d = reverse %z {dimensions = [0, 1]} : u8[2,150,20]
  %e = add %a, %x : f32[5,70]
  return %a, %b, %c, %d, %e
}
