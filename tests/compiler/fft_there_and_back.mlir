//: title a real transform of two factors and its inverse give the operand
//: in 0 = 0..4095
//: close 1e-5 1e-2
//: out 0 = 0..4095
//: after complex lacks fft
func @main(%x: f32[1,4096]) -> (f32[1,4096]) {
  %y = fft %x {fft_type = RFFT, fft_length = [4096]} : c64[1,2049]
  %z = fft %y {fft_type = IRFFT, fft_length = [4096]} : f32[1,4096]
  return %z
}
