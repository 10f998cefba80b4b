//: title calls and composites are inlined, the same function twice, nested, with a constant of its own
//: in 0 = 1 2 3
//: reference
//: after inline lacks call
//: after fold lacks composite
func @main(%x: f32[3]) -> (f32[3], f32[3], f32[3]) {
  %a, %b = call @pair %x : f32[3], f32[3]
  %c, %d = call @pair %a : f32[3], f32[3]
  %e = composite %d {name = "mine.twice", composite_attributes = {}, decomposition = @twice, version = 1} : f32[3]
  %f = add %b, %e
  return %c, %f, %b
}
func private @pair(%x: f32[3]) -> (f32[3], f32[3]) {
  %ten = constant 10.0 : f32[3]
  %y = call @twice %x : f32[3]
  %z = add %y, %ten
  return %z, %y
}
func private @twice(%x: f32[3]) -> (f32[3]) {
  %y = add %x, %x
  return %y
}
