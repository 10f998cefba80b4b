//: title a length that has factors is one matrix too where factors would take more transfers
//: in 0 = 0..511
//: close 1e-5 1e-3
//: out 0 = 0..511
//: after complex has 4 dot_general
//: after complex lacks fft
//: pe-flops 528384
func @main(%x: f32[2,256]) -> (f32[2,256]) {
  %y = fft %x {fft_type = RFFT, fft_length = [256]} : c64[2,129]
  %z = fft %y {fft_type = IRFFT, fft_length = [256]} : f32[2,256]
  return %z
}
