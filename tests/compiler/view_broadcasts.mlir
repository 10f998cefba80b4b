//: title broadcasts of scalars, rows, columns and axes of size 1
//: random 9
//: reference
func @main(%a: f32[], %b: f32[129], %c: i32[3,1,5], %d: u8[1], %e: f32[0]) ->
    (f32[3,129], f32[129,3], f32[2,129,2], i32[2,3,4,5], u8[513], f32[3,0], f32[1,1,1,1,1,1,2,2], f32[129,3]) {
  %r0 = broadcast_in_dim %b {broadcast_dimensions = [1]} : f32[3,129]
  %r1 = broadcast_in_dim %b {broadcast_dimensions = [0]} : f32[129,3]
  %r2 = broadcast_in_dim %b {broadcast_dimensions = [1]} : f32[2,129,2]
  %r3 = broadcast_in_dim %c {broadcast_dimensions = [1, 2, 3]} : i32[2,3,4,5]
  %r4 = broadcast_in_dim %d {broadcast_dimensions = [0]} : u8[513]
  %r5 = broadcast_in_dim %e {broadcast_dimensions = [1]} : f32[3,0]
  %r6 = broadcast_in_dim %a {broadcast_dimensions = []} : f32[1,1,1,1,1,1,2,2]
  %s = broadcast_in_dim %a {broadcast_dimensions = []} : f32[129,3]
  %r7 = divide %r1, %s
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7
}
