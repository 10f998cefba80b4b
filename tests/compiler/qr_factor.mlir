//: title a QR factorisation by LAPACK's reflections, and Q from them; a column of zeros below gives none
//: in 0 = 3 1 4 2
//: in 1 = 2 0 0 0 0 -3
//: close 1e-6 1e-6
//: out 0 = -5 -2.2 0.5 0.4
//: out 1 = 1.6 0
//: out 2 = -0.6 -0.8 -0.8 0.6
//: out 3 = 2 0 0 -3 0 -1
//: out 4 = 0 1
//: out 5 = 0 1
//: out 6 = 2 0 0 -3 0 -1
func @main(%x: f32[2,2], %z: f32[1,3,2]) -> (f32[2,2], f32[2], f32[2,2], f32[1,3,2], f32[1,2], f32[1,2], f32[1,3,2]) {
  %a, %t = custom_call %x {call_target_name = "Qr"} : f32[2,2], f32[2]
  %q = custom_call %a, %t {call_target_name = "ProductOfElementaryHouseholderReflectors"} : f32[2,2]
  %b, %u = custom_call %z {call_target_name = "Qr"} : f32[1,3,2], f32[1,2]
  %w = custom_call %z {call_target_name = "Qr"} : tuple
  %v = get_tuple_element %w {index = 1} : f32[1,2]
  %c = get_tuple_element %w {index = 0} : f32[1,3,2]
  return %a, %t, %q, %b, %u, %v, %c
}
