//: title clamp by scalars and by arrays, of floats and integers
//: in 0 = -0.5
//: in 1 = -5 -0.0 0.25 nan inf 9 -inf
//: in 2 = 1.5
//: in 3 = -1 -2 0 0 0 3 -9
//: in 4 = 1 0 3 3 7 20 -8
//: in 5 = -100
//: in 6 = -2147483648 -101 -100 16777217 16777216 2147483647
//: in 7 = 16777216
//: reference
func @main(%low: f32[], %x: f32[127], %high: f32[], %lows: f32[127], %highs: f32[127], %il: i32[], %ix: i32[6], %ih: i32[]) ->
    (f32[127], f32[127], i32[6], f32[127]) {
  %zero = constant 0.0 : f32[]
  %six = constant 6.0 : f32[]
  %a = clamp %low, %x, %high : f32[127]
  %b = clamp %lows, %x, %highs : f32[127]
  %c = clamp %il, %ix, %ih : i32[6]
  %d = clamp %zero, %x, %six : f32[127]
  return %a, %b, %c, %d
}
