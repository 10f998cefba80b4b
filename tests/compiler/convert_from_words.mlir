//: title integers keep their low bytes; floats of them round to nearest even
//: in 0 = 0 1 -1 127 128 -128 -129 255 256 -256 32767 32768 65535 65536 16777217 -16777219 2147483647 -2147483648 33554435
//: in 1 = 0 1 127 128 255 256 32767 32768 65535 65536 16777217 2147483647 2147483648 4294967295 33554435
//: reference
func @main(%i32: i32[127], %u32: u32[127]) ->
    (f32[127], bf16[127], f16[127], u32[127], i16[127], u16[127], i8[127], u8[127], i1[127], f32[127], bf16[127], f16[127], i32[127], i16[127], u16[127], i8[127], u8[127], i1[127]) {
  %i32_f32 = convert %i32 : f32[127]
  %i32_bf16 = convert %i32 : bf16[127]
  %i32_f16 = convert %i32 : f16[127]
  %i32_u32 = convert %i32 : u32[127]
  %i32_i16 = convert %i32 : i16[127]
  %i32_u16 = convert %i32 : u16[127]
  %i32_i8 = convert %i32 : i8[127]
  %i32_u8 = convert %i32 : u8[127]
  %i32_i1 = convert %i32 : i1[127]
  %u32_f32 = convert %u32 : f32[127]
  %u32_bf16 = convert %u32 : bf16[127]
  %u32_f16 = convert %u32 : f16[127]
  %u32_i32 = convert %u32 : i32[127]
  %u32_i16 = convert %u32 : i16[127]
  %u32_u16 = convert %u32 : u16[127]
  %u32_i8 = convert %u32 : i8[127]
  %u32_u8 = convert %u32 : u8[127]
  %u32_i1 = convert %u32 : i1[127]
  return %i32_f32, %i32_bf16, %i32_f16, %i32_u32, %i32_i16, %i32_u16, %i32_i8, %i32_u8, %i32_i1, %u32_f32, %u32_bf16, %u32_f16, %u32_i32, %u32_i16, %u32_u16, %u32_i8, %u32_u8, %u32_i1
}
