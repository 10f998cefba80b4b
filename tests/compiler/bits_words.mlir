//: title bits of two arrays of words are GpSimdE's where they are many, VectorE's where few or narrow
//: in 0 = 0 1 4294967295 2147483648 77 123456789 16777217
//: in 1 = 3 4294967295 5 2147483649 8
//: in 2 = -7..9
//: reference
//: after lower has 2 gpsimd.tensor_tensor
func @main(%x: u32[130,400], %y: u32[130,400], %z: i16[130,400]) -> (u32[130,400], u32[130,400], u32[9], i16[130,400]) {
  %a = xor %x, %y : u32[130,400]
  %b = and %a, %x : u32[130,400]
  %p = slice %x {start_indices = [0, 0], limit_indices = [1, 9], strides = [1, 1]} : u32[1,9]
  %q = slice %y {start_indices = [1, 0], limit_indices = [2, 9], strides = [1, 1]} : u32[1,9]
  %o = or %p, %q : u32[1,9]
  %f = reshape %o : u32[9]
  %n = xor %z, %z : i16[130,400]
  return %a, %b, %f, %n
}
