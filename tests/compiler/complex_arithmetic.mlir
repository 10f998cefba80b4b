//: title sums, products and quotients of complex numbers by their parts
//: in 0 = 1 2 -3 0
//: in 1 = 2 -1 4 1
//: in 2 = 3 1 0 2
//: in 3 = -1 1 2 0
//: close 1e-6 1e-6
//: out 0 = 5 3 -8 0
//: out 1 = 5 1 -6 2
//: out 2 = 0.1 0.5 2 0
//: out 3 = 0.7 -1.5 1.5 0.5
//: out 4 = 4 3 -3 2
//: out 5 = -3 2 -2 -1
//: after complex lacks c64
func @main(%ar: f32[4], %ai: f32[4], %br: f32[4], %bi: f32[4]) -> (f32[4], f32[4], f32[4], f32[4], f32[4], f32[4]) {
  %a = complex %ar, %ai : c64[4]
  %b = complex %br, %bi : c64[4]
  %p = multiply %a, %b : c64[4]
  %q = divide %a, %b : c64[4]
  %s = add %a, %b : c64[4]
  %d = subtract %b, %a : c64[4]
  %pr = real %p : f32[4]
  %pi = imag %p : f32[4]
  %qr = real %q : f32[4]
  %qi = imag %q : f32[4]
  %sr = real %s : f32[4]
  %di = imag %d : f32[4]
  return %pr, %pi, %qr, %qi, %sr, %di
}
