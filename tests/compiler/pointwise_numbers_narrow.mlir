//: title integers of few bits of which both operands are numbers: products of more than 24 bits, quotients, powers
//: out 0 = -5976 -5976 -5976
//: out 1 = 1 1 1
//: out 2 = -12552 -12552 -12552
//: out 3 = -530 -530 -530
//: out 4 = 1 1 1
//: out 5 = 49 49 49
//: out 6 = 29633 29633 29633
func @main() -> (i16[3], i16[3], i16[3], i16[3], i8[3], u8[3], u16[3]) {
  %a = constant -26836 : i16[3]
  %b = constant -26306 : i16[3]
  %n = constant 1 : u8[3]
  %x = constant -3 : i8[3]
  %y = constant 60001 : u16[3]
  %z = constant 50529 : u16[3]
  %w = constant 249 : u8[3]
  %c = multiply %a, %b : i16[3]
  %d = divide %a, %b : i16[3]
  %k = constant 3 : i16[3]
  %e = power %b, %k : i16[3]
  %f = remainder %a, %b : i16[3]
  %g = divide %x, %x : i8[3]
  %h = multiply %w, %w : u8[3]
  %i = multiply %y, %z : u16[3]
  return %c, %d, %e, %f, %g, %h, %i
}
