//: title lengths that do not fit the operand
//: fails input fft_type and fft_length do not fit the operand
func @main(%x: f32[8]) -> (f32[5]) {
  %y = fft %x {fft_type = RFFT, fft_length = [6]} : c64[5]
  %z = real %y : f32[5]
  return %z
}
