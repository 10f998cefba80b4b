//: title few rows of a long length that has factors are made by them
//: in 0 = 0..2047
//: close 1e-5 4e-3
//: out 0 = 0..2047
//: after complex lacks f32[2048,1025]
func @main(%x: f32[1,2048]) -> (f32[1,2048]) {
  %y = fft %x {fft_type = RFFT, fft_length = [2048]} : c64[1,1025]
  %z = fft %y {fft_type = IRFFT, fft_length = [2048]} : f32[1,2048]
  return %z
}
