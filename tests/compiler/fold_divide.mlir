//: title division by a power of two is a product; by a number whose reciprocal is not a normal one, it stays
//: in 0 = 1 3 -7 0.1 1e-38 3e38 inf nan -0.0 5e-39 1.1754944e-38
//: reference
//: after fold has 2 multiply
//: after divide has 1 divide
func @main(%x: f32[11]) -> (f32[11], f32[11], f32[11]) {
  %a = constant 8.0 : f32[11]
  %b = constant -0.25 : f32[11]
  %c = constant 1e38 : f32[11]
  %p = divide %x, %a
  %q = divide %x, %b
  %r = divide %x, %c
  return %p, %q, %r
}
