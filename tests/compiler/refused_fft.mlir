//: title a length with a large prime factor is refused by name
//: fails unsupported a transform of length 2062, whose prime factor 1031 is over 1024
func @main(%x: f32[2062]) -> (f32[1032]) {
  %y = fft %x {fft_type = RFFT, fft_length = [2062]} : c64[1032]
  %z = real %y : f32[1032]
  return %z
}
