//: title a conversion through a wider type and back is dropped, through a narrower one it is not
//: in 0 = 1.00390625 3 -0.0 nan 65504
//: in 1 = -128 127 300 -1
//: reference
//: after fold has 4 convert
func @main(%x: f32[5], %n: i32[4]) -> (f32[5], bf16[5], i32[4]) {
  %b = convert %x : bf16[5]
  %w = convert %b : f32[5]
  %again = convert %w : bf16[5]
  %half = convert %n : f32[4]
  %back = convert %half : i32[4]
  return %w, %again, %back
}
