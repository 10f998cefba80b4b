//: title bytes and predicates into every type
//: in 0 = 0 1 -1 127 -128
//: in 1 = 0 1 127 128 255
//: in 2 = 0 1
//: reference
func @main(%i8: i8[7], %u8: u8[7], %i1: i1[7]) ->
    (f32[7], bf16[7], f16[7], i32[7], u32[7], i16[7], u16[7], u8[7], i1[7], f32[7], bf16[7], f16[7], i32[7], u32[7], i16[7], u16[7], i8[7], i1[7], f32[7], bf16[7], f16[7], i32[7], u32[7], i16[7], u16[7], i8[7], u8[7]) {
  %i8_f32 = convert %i8 : f32[7]
  %i8_bf16 = convert %i8 : bf16[7]
  %i8_f16 = convert %i8 : f16[7]
  %i8_i32 = convert %i8 : i32[7]
  %i8_u32 = convert %i8 : u32[7]
  %i8_i16 = convert %i8 : i16[7]
  %i8_u16 = convert %i8 : u16[7]
  %i8_u8 = convert %i8 : u8[7]
  %i8_i1 = convert %i8 : i1[7]
  %u8_f32 = convert %u8 : f32[7]
  %u8_bf16 = convert %u8 : bf16[7]
  %u8_f16 = convert %u8 : f16[7]
  %u8_i32 = convert %u8 : i32[7]
  %u8_u32 = convert %u8 : u32[7]
  %u8_i16 = convert %u8 : i16[7]
  %u8_u16 = convert %u8 : u16[7]
  %u8_i8 = convert %u8 : i8[7]
  %u8_i1 = convert %u8 : i1[7]
  %i1_f32 = convert %i1 : f32[7]
  %i1_bf16 = convert %i1 : bf16[7]
  %i1_f16 = convert %i1 : f16[7]
  %i1_i32 = convert %i1 : i32[7]
  %i1_u32 = convert %i1 : u32[7]
  %i1_i16 = convert %i1 : i16[7]
  %i1_u16 = convert %i1 : u16[7]
  %i1_i8 = convert %i1 : i8[7]
  %i1_u8 = convert %i1 : u8[7]
  return %i8_f32, %i8_bf16, %i8_f16, %i8_i32, %i8_u32, %i8_i16, %i8_u16, %i8_u8, %i8_i1, %u8_f32, %u8_bf16, %u8_f16, %u8_i32, %u8_u32, %u8_i16, %u8_u16, %u8_i8, %u8_i1, %i1_f32, %i1_bf16, %i1_f16, %i1_i32, %i1_u32, %i1_i16, %i1_u16, %i1_i8, %i1_u8
}
