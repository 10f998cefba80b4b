//: title two updates in a row: the second may hit what the first put in, which is still read as it was; old rows too
//: in 0 = 1..4 10..13 20..23
//: out 0 = 12 15 18 21  48 60 72 84  20 21 22 23
//: out 1 = 36 45 54 63
func @main(%t: f32[3,4]) -> (f32[3,4], f32[4]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %two = constant 2 : i32[]
  %none = constant 0.0 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[4]
  %n, %a, %s = while %zero, %t, %empty : i32[], f32[3,4], f32[4] (%i: i32[], %a2: f32[3,4], %s2: f32[4]) {
    %is = compare LT %i, %two {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %a3: f32[3,4], %s3: f32[4]) {
    %first = dynamic_slice %a3, %zero, %zero {slice_sizes = [1, 4]} : f32[1,4]
    %twice = add %first, %first : f32[1,4]
    %b = dynamic_update_slice %a3, %twice, %i2, %zero : f32[3,4]
    %row = dynamic_slice %b, %one, %zero {slice_sizes = [1, 4]} : f32[1,4]
    %sum = add %row, %twice : f32[1,4]
    %c = dynamic_update_slice %b, %sum, %i2, %zero : f32[3,4]
    %late = subtract %sum, %row : f32[1,4]
    %flat = reshape %late : f32[4]
    %old = reshape %first : f32[4]
    %new = add %flat, %old : f32[4]
    %next = add %i2, %one : i32[]
    return %next, %c, %new
  }
  return %a, %s
}
