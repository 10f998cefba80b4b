//: title images channel by channel that are read place by place are turned, though a row of theirs is short
//: random 1
//: reference
//: after lower has nc_transpose
func @main(%x: f32[64,4,8,8], %s: f32[64], %y: f32[4,8,8,64]) -> (f32[4,8,8,64]) {
  %t = transpose %x {permutation = [1, 2, 3, 0]} : f32[4,8,8,64]
  %b = broadcast_in_dim %s {broadcast_dimensions = [3]} : f32[4,8,8,64]
  %m = multiply %t, %b : f32[4,8,8,64]
  %a = add %m, %y : f32[4,8,8,64]
  return %a
}
