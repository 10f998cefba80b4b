//: title what select does not choose does not spread
//: in 0 = 1 0
//: in 1 = 5 nan
//: in 2 = inf 7
//: out 0 = 5 7 5 7 5 7 5 7 5
//: out 1 = 1 7 1 7 1 7 1 7 1
//: out 2 = 5 2 5 2 5 2 5 2 5
func @main(%p: i1[9], %a: f32[9], %b: f32[9]) -> (f32[9], f32[9], f32[9]) {
  %one = constant 1.0 : f32[9]
  %two = constant 2.0 : f32[9]
  %x = select %p, %a, %b : f32[9]
  %y = select %p, %one, %b : f32[9]
  %z = select %p, %a, %two : f32[9]
  return %x, %y, %z
}
