//: title a length that splitting leaves no axes for
//: fails capacity a transform of length 4398046511104
func @main(%x: f32[4398046511104]) -> (f32[2199023255553]) {
  %y = fft %x {fft_type = RFFT, fft_length = [4398046511104]} : c64[2199023255553]
  %z = real %y : f32[2199023255553]
  return %z
}
