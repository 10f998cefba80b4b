//: title nothing is merged or folded across an optimization_barrier
//: in 0 = 1 2 3
//: reference
//: after fold has 2 add
func @main(%x: f32[3]) -> (f32[3], f32[3]) {
  %a = add %x, %x
  %b = optimization_barrier %x : f32[3]
  %c = add %b, %b
  return %a, %c
}
