//: title bits of an array of words and a number are GpSimdE's where they are many, numbers of 32 bits, too
//: in 0 = 0 1 4294967295 2147483648 77 123456789 16777217
//: in 1 = -7..9
//: reference
//: after lower has 4 gpsimd.tensor_scalar
//: after lower has 2 vector.tensor_scalar
func @main(%x: u32[130,1600], %z: i16[130,1600]) -> (u32[130,1600], u32[130,1600], u32[130,9], i16[130,1600]) {
  %k = constant 13 : u32[130,1600]
  %s = shift_left %x, %k : u32[130,1600]
  %m = constant 3735928559 : u32[130,1600]
  %a = and %s, %m : u32[130,1600]
  %t = shift_right_logical %x, %k : u32[130,1600]
  %b = xor %m, %t : u32[130,1600]
  %p = slice %x {start_indices = [0, 0], limit_indices = [130, 9], strides = [1, 1]} : u32[130,9]
  %l = constant 1 : u32[130,9]
  %o = or %p, %l : u32[130,9]
  %seven = constant 7 : i16[130,1600]
  %n = xor %z, %seven : i16[130,1600]
  return %a, %b, %o, %n
}
