//: title case: the branch of the index, the last one for any other; captured values; a result returned twice
//: in 0 = 0 1 2 -1 7 1
//: in 1 = 1 2
//: out 0 = 2 4  1 2  -1 -2  -1 -2  -1 -2  1 2
//: out 1 = 2 4  3 6  9 9  9 9  9 9  3 6
//: after lower has 3 leave
func @main(%picks: i32[6], %x: f32[2]) -> (f32[6,2], f32[6,2]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %six = constant 6 : i32[]
  %none = constant 0.0 : f32[]
  %nine = constant 9.0 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[6,2]
  %nines = broadcast_in_dim %nine {broadcast_dimensions = []} : f32[2]
  %twice = add %x, %x : f32[2]
  %i, %a, %b = while %zero, %empty, %empty : i32[], f32[6,2], f32[6,2] (%i2: i32[], %a2: f32[6,2], %b2: f32[6,2]) {
    %is = compare LT %i2, %six {compare_type = SIGNED} : i1[]
    return %is
  } (%i3: i32[], %a3: f32[6,2], %b3: f32[6,2]) {
    %piece = dynamic_slice %picks, %i3 {slice_sizes = [1]} : i32[1]
    %pick = reshape %piece : i32[]
    %p, %q = case %pick : f32[2], f32[2] () {
      return %twice, %twice
    } () {
      %three = add %twice, %x : f32[2]
      return %x, %three
    } () {
      %minus = negate %x : f32[2]
      return %minus, %nines
    }
    %first = reshape %p : f32[1,2]
    %second = reshape %q : f32[1,2]
    %c = dynamic_update_slice %a3, %first, %i3, %zero : f32[6,2]
    %d = dynamic_update_slice %b3, %second, %i3, %zero : f32[6,2]
    %next = add %i3, %one : i32[]
    return %next, %c, %d
  }
  return %a, %b
}
