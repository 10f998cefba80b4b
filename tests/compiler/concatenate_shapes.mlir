//: title concatenations of tensors, views, numbers and nothing, along every axis
//: random 9
//: reference
func @main(%a: f32[129,3], %b: f32[1,3], %c: f32[0,3], %d: i32[5,127], %e: i32[5,1], %f: u8[2,2,3]) ->
    (f32[260,3], i32[5,129], i32[10,127], u8[2,2,9], f32[132,3], f32[3,130]) {
  %r0 = concatenate %a, %b, %c, %a, %b {dimension = 0} : f32[260,3]
  %r1 = concatenate %e, %d, %e {dimension = 1} : i32[5,129]
  %back = reverse %d {dimensions = [0, 1]} : i32[5,127]
  %r2 = concatenate %back, %d {dimension = 0} : i32[10,127]
  %r3 = concatenate %f, %f, %f {dimension = 2} : u8[2,2,9]
  %seven = constant 7.0 : f32[2,3]
  %count = iota {iota_dimension = 0} : f32[1,3]
  %r4 = concatenate %seven, %a, %count {dimension = 0} : f32[132,3]
  %turned = transpose %a {permutation = [1, 0]} : f32[3,129]
  %line = transpose %b {permutation = [1, 0]} : f32[3,1]
  %r5 = concatenate %line, %turned {dimension = 1} : f32[3,130]
  return %r0, %r1, %r2, %r3, %r4, %r5
}
