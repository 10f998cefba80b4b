//: title a prime length of moderate size is one matrix
//: in 0 = 0..1030
//: close 1e-5 1e-3
//: out 0 = 0..1030
//: after complex has 4 dot_general
func @main(%x: f32[1031]) -> (f32[1031]) {
  %y = fft %x {fft_type = RFFT, fft_length = [1031]} : c64[516]
  %z = fft %y {fft_type = IRFFT, fft_length = [1031]} : f32[1031]
  return %z
}
