//: title a loop that data ends: the condition is read in every trip, the counter is data, slices are indirect
//: in 0 = 3
//: in 1 = 10 20 30 40
//: out 0 = 3
//: out 1 = 60
//: out 2 = 5 10 15 0
//: after lower has 1 leave loop=%0
func @main(%n: i32[], %x: f32[4]) -> (i32[], f32[], f32[4]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %none = constant 0.0 : f32[]
  %half = constant 0.5 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[4]
  %i, %m, %sum, %list = while %zero, %n, %none, %empty : i32[], i32[], f32[], f32[4] (%i2: i32[], %m2: i32[], %s: f32[], %l: f32[4]) {
    %is = compare LT %i2, %m2 {compare_type = SIGNED} : i1[]
    return %is
  } (%i3: i32[], %m3: i32[], %s2: f32[], %l2: f32[4]) {
    %piece = dynamic_slice %x, %i3 {slice_sizes = [1]} : f32[1]
    %bare = reshape %piece : f32[]
    %old = dynamic_slice %l2, %i3 {slice_sizes = [1]} : f32[1]
    %part = reshape %old : f32[]
    %new = add %s2, %bare : f32[]
    %scaled = multiply %bare, %half : f32[]
    %odd = convert %i3 : f32[]
    %ten = multiply %odd, %scaled : f32[]
    %less = subtract %ten, %ten : f32[]
    %kept = add %scaled, %less : f32[]
    %all = add %kept, %part : f32[]
    %long = reshape %all : f32[1]
    %stored = dynamic_update_slice %l2, %long, %i3 : f32[4]
    %next = add %i3, %one : i32[]
    return %next, %m3, %new, %stored
  }
  return %i, %sum, %list
}
