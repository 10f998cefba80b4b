//: title a loop in a loop: the inner one starts from the outer one's value, keeps it in place, and uses both counters
//: in 0 = 1 1 1
//: in 1 = 0..5
//: out 0 = 64 64 64
//: out 1 = 12
//: after lower has 2 end %
func @main(%x: f32[3], %table: f32[2,3]) -> (f32[3], i32[]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %two = constant 2 : i32[]
  %three = constant 3 : i32[]
  %i, %c, %a = while %zero, %zero, %x : i32[], i32[], f32[3] (%i2: i32[], %c2: i32[], %a2: f32[3]) {
    %is = compare LT %i2, %two {compare_type = SIGNED} : i1[]
    return %is
  } (%i3: i32[], %c3: i32[], %a3: f32[3]) {
    %j, %d, %b = while %zero, %c3, %a3 : i32[], i32[], f32[3] (%j2: i32[], %d2: i32[], %b2: f32[3]) {
      %is2 = compare LT %j2, %three {compare_type = SIGNED} : i1[]
      return %is2
    } (%j3: i32[], %d3: i32[], %b3: f32[3]) {
      %piece = dynamic_slice %table, %i3, %j3 {slice_sizes = [1, 1]} : f32[1,1]
      %bare = reshape %piece : f32[]
      %row = broadcast_in_dim %bare {broadcast_dimensions = []} : f32[3]
      %sum = add %b3, %row : f32[3]
      %both = add %i3, %j3 : i32[]
      %number = convert %both : f32[]
      %numbers = broadcast_in_dim %number {broadcast_dimensions = []} : f32[3]
      %new = add %sum, %numbers : f32[3]
      %up = add %j3, %one : i32[]
      %more = add %d3, %up : i32[]
      return %up, %more, %new
    }
    %next = add %i3, %one : i32[]
    %twice = add %b, %b : f32[3]
    return %next, %d, %twice
  }
  return %a, %c
}
