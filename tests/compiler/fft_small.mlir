//: title a transform is products with matrices of cosines and sines
//: in 0 = 1 2 3 4
//: in 1 = 0 1 0 -1
//: close 1e-6 1e-6
//: out 0 = 10 0 -2 -4
//: out 1 = 0 2 0 -2
//: after complex has 4 dot_general
//: after complex lacks fft
//: pe-flops 128
func @main(%r: f32[4], %i: f32[4]) -> (f32[4], f32[4]) {
  %x = complex %r, %i : c64[4]
  %y = fft %x {fft_type = FFT, fft_length = [4]} : c64[4]
  %yr = real %y : f32[4]
  %yi = imag %y : f32[4]
  return %yr, %yi
}
