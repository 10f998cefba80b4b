//: title counters that step by more than one, go down, or are two in one loop
//: in 0 = 0..9
//: out 0 = 24
//: out 1 = -2
//: out 2 = 16
//: after lower has loop %0 = 4
func @main(%x: f32[10]) -> (f32[], i32[], i32[]) {
  %nine = constant 9 : i32[]
  %three = constant 3 : i32[]
  %one = constant 1 : i32[]
  %four = constant 4 : i32[]
  %none = constant 0.0 : f32[]
  %zero = constant 0 : i32[]
  %start = constant 10 : i32[]
  %i, %j, %s = while %start, %zero, %none : i32[], i32[], f32[] (%i2: i32[], %j2: i32[], %s2: f32[]) {
    %is = compare GE %i2, %one {compare_type = SIGNED} : i1[]
    return %is
  } (%i3: i32[], %j3: i32[], %s3: f32[]) {
    %at = subtract %i3, %one : i32[]
    %piece = dynamic_slice %x, %at {slice_sizes = [1]} : f32[1]
    %bare = reshape %piece : f32[]
    %quarter = divide %j3, %four : i32[]
    %other = dynamic_slice %x, %quarter {slice_sizes = [1]} : f32[1]
    %more = reshape %other : f32[]
    %both = add %bare, %more : f32[]
    %new = add %s3, %both : f32[]
    %next = subtract %i3, %three : i32[]
    %up = add %j3, %four : i32[]
    return %next, %up, %new
  }
  return %s, %i, %j
}
