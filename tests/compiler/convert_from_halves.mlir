//: title 16-bit integers into every type
//: in 0 = 0 1 -1 127 128 -128 -129 255 256 32767 -32768 257 -257
//: in 1 = 0 1 127 128 255 256 32767 32768 65535 257
//: reference
func @main(%i16: i16[33], %u16: u16[33]) ->
    (f32[33], bf16[33], f16[33], i32[33], u32[33], u16[33], i8[33], u8[33], i1[33], f32[33], bf16[33], f16[33], i32[33], u32[33], i16[33], i8[33], u8[33], i1[33]) {
  %i16_f32 = convert %i16 : f32[33]
  %i16_bf16 = convert %i16 : bf16[33]
  %i16_f16 = convert %i16 : f16[33]
  %i16_i32 = convert %i16 : i32[33]
  %i16_u32 = convert %i16 : u32[33]
  %i16_u16 = convert %i16 : u16[33]
  %i16_i8 = convert %i16 : i8[33]
  %i16_u8 = convert %i16 : u8[33]
  %i16_i1 = convert %i16 : i1[33]
  %u16_f32 = convert %u16 : f32[33]
  %u16_bf16 = convert %u16 : bf16[33]
  %u16_f16 = convert %u16 : f16[33]
  %u16_i32 = convert %u16 : i32[33]
  %u16_u32 = convert %u16 : u32[33]
  %u16_i16 = convert %u16 : i16[33]
  %u16_i8 = convert %u16 : i8[33]
  %u16_u8 = convert %u16 : u8[33]
  %u16_i1 = convert %u16 : i1[33]
  return %i16_f32, %i16_bf16, %i16_f16, %i16_i32, %i16_u32, %i16_u16, %i16_i8, %i16_u8, %i16_i1, %u16_f32, %u16_bf16, %u16_f16, %u16_i32, %u16_u32, %u16_i16, %u16_i8, %u16_u8, %u16_i1
}
