//: title a long prime length is a convolution, there and back
//: in 0 = 0..2052
//: close 1e-5 2e-3
//: out 0 = 0..2052
//: after complex lacks fft
func @main(%x: f32[1,2053]) -> (f32[1,2053]) {
  %y = fft %x {fft_type = RFFT, fft_length = [2053]} : c64[1,1027]
  %z = fft %y {fft_type = IRFFT, fft_length = [2053]} : f32[1,2053]
  return %z
}
