//: title a tuple that is taken apart again is none
//: in 0 = 1 2 3
//: in 1 = 4
//: out 0 = 5 6 7
//: out 1 = 1 2 3
func @main(%x: f32[3], %y: f32[3]) -> (f32[3], f32[3]) {
  %s = add %x, %y : f32[3]
  %t = tuple %s, %x : tuple
  %a = get_tuple_element %t {index = 0} : f32[3]
  %b = get_tuple_element %t {index = 1} : f32[3]
  return %a, %b
}
