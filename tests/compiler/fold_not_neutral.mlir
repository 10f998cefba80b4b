//: title near identities that change some value stay
//: in 0 = 0 -0.0 1 nan inf -inf
//: in 1 = 1 0
//: in 2 = 5 -7 2147483647
//: reference
func @main(%x: f32[6], %p: i1[2], %i: i32[3]) -> (f32[6], f32[6], f32[6], f32[6], f32[6], i1[2], i32[3], f32[6], f32[6]) {
  %zero = constant 0.0 : f32[6]
  %minus = constant -0.0 : f32[6]
  %high = constant inf : f32[6]
  %one = constant 1.0 : f32[6]
  %false = constant false : i1[2]
  %i1 = constant 1 : i32[3]
  %a = subtract %x, %minus
  %b = subtract %zero, %x
  %c = multiply %x, %zero
  %d = maximum %x, %high
  %e = divide %one, %x
  %f = and %p, %false
  %g = and %i, %i1
  %h = subtract %x, %x
  %j = divide %x, %x
  return %a, %b, %c, %d, %e, %f, %g, %h, %j
}
