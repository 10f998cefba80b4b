//: title carried values change places: each new one is made of all the old ones, some are old ones as they are
//: in 0 = 1 2 3 4
//: in 1 = 10 20 30 40
//: in 2 = 5
//: out 0 = 3 2 5 4
//: out 1 = 21 11 41 31
//: out 2 = 3 2 5 4
//: out 3 = 5 5
func @main(%x: f32[4], %y: f32[4], %z: f32[2]) -> (f32[4], f32[4], f32[4], f32[2]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %three = constant 3 : i32[]
  %unit = constant 1.0 : f32[]
  %units = broadcast_in_dim %unit {broadcast_dimensions = []} : f32[4]
  %n, %a, %b, %c, %d = while %zero, %x, %y, %x, %z : i32[], f32[4], f32[4], f32[4], f32[2] (%i: i32[], %p: f32[4], %q: f32[4], %r: f32[4], %s: f32[2]) {
    %is = compare LT %i, %three {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %p2: f32[4], %q2: f32[4], %r2: f32[4], %s2: f32[2]) {
    %next = add %i2, %one : i32[]
    %turned = reverse %r2 {dimensions = [0]} : f32[4]
    %front = slice %q2 {start_indices = [2], limit_indices = [4], strides = [1]} : f32[2]
    %back = slice %q2 {start_indices = [0], limit_indices = [2], strides = [1]} : f32[2]
    %rolled = concatenate %front, %back {dimension = 0} : f32[4]
    %more = add %turned, %units : f32[4]
    return %next, %rolled, %more, %p2, %s2
  }
  return %a, %b, %c, %d
}
