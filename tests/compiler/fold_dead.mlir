//: title what no result needs is dropped, and what it needs with it
//: in 0 = 1 2
//: reference
//: after fold lacks exponential
//: after fold lacks tanh
func @main(%x: f32[2]) -> (f32[2]) {
  %a = exponential %x
  %b = tanh %a
  %c = add %x, %x
  return %c
}
