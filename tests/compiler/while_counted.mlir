//: title a counted loop is a loop of the program: no value decides, slices by its counter are offsets
//: in 0 = 1 2 3 4
//: in 1 = 0..11
//: out 0 = 13 17 21 25
//: out 1 = 5 8 11 14  1 3 5 7  1 2 3 4
//: out 2 = 3
//: after lower has loop %0 = 3
//: after lower lacks leave
//: after lower has 1 hbm.f32[argument1 +0+4*%0
//: after lower has 1 hbm.f32[result1 +8-4*%0
func @main(%x: f32[4], %rows: f32[3,4]) -> (f32[4], f32[3,4], i32[]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %two = constant 2 : i32[]
  %three = constant 3 : i32[]
  %none = constant 0.0 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[3,4]
  %n, %sum, %all = while %zero, %x, %empty : i32[], f32[4], f32[3,4] (%i: i32[], %s: f32[4], %a: f32[3,4]) {
    %is = compare LT %i, %three {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %s2: f32[4], %a2: f32[3,4]) {
    %row = dynamic_slice %rows, %i2, %zero {slice_sizes = [1, 4]} : f32[1,4]
    %flat = reshape %row : f32[4]
    %back = subtract %two, %i2 : i32[]
    %old = reshape %s2 : f32[1,4]
    %stacked = dynamic_update_slice %a2, %old, %back, %zero : f32[3,4]
    %new = add %s2, %flat : f32[4]
    %next = add %i2, %one : i32[]
    return %next, %new, %stacked
  }
  return %sum, %all, %n
}
