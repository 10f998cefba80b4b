//: title only what changes no value is dropped: x + 0 makes -0 to +0 and stays, x + -0 goes
//: in 0 = 0 -0.0 1 nan inf -inf
//: in 1 = 1 0
//: in 2 = 5 -7 2147483647
//: reference
//: after fold has 1 add
//: after fold lacks multiply
//: after fold lacks subtract
//: after fold lacks maximum
//: after fold lacks and
//: after fold lacks select
func @main(%x: f32[6], %p: i1[2], %i: i32[3]) -> (f32[6], f32[6], f32[6], f32[6], f32[6], f32[6], i1[2], i32[3], i32[3], f32[6]) {
  %zero = constant 0.0 : f32[6]
  %minus = constant -0.0 : f32[6]
  %one = constant 1.0 : f32[6]
  %low = constant -inf : f32[6]
  %true = constant true : i1[2]
  %i0 = constant 0 : i32[3]
  %i1 = constant 1 : i32[3]
  %a = add %x, %zero
  %b = add %x, %minus
  %c = multiply %one, %x
  %d = subtract %x, %zero
  %e = divide %x, %one
  %f = maximum %x, %low
  %g = and %true, %p
  %h = add %i, %i0
  %j = multiply %i1, %i
  %yes = constant true : i1[6]
  %k = select %yes, %x, %zero : f32[6]
  return %a, %b, %c, %d, %e, %f, %g, %h, %j, %k
}
