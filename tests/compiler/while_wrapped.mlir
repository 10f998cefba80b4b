//: title indices as NumPy writes them: select(i < 0, i + n, i) is an offset; one that is clamped in some trips is read
//: in 0 = 0..23
//: out 0 = 36 39 42 45
//: out 1 = 4 8 9
//: after lower has 2 gpsimd.iota
func @main(%x: f32[6,4]) -> (f32[4], f32[3]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %two = constant 2 : i32[]
  %three = constant 3 : i32[]
  %five = constant 5 : i32[]
  %six = constant 6 : i32[]
  %none = constant 0.0 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[4]
  %other = broadcast_in_dim %none {broadcast_dimensions = []} : f32[3]
  %n, %sum, %list = while %zero, %empty, %other : i32[], f32[4], f32[3] (%i: i32[], %s: f32[4], %l: f32[3]) {
    %is = compare GT %three, %i {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %s2: f32[4], %l2: f32[3]) {
    %twice = multiply %i2, %two : i32[]
    %at = subtract %twice, %five : i32[]
    %negative = compare LT %at, %zero {compare_type = SIGNED} : i1[]
    %wrapped = add %at, %six : i32[]
    %index = select %negative, %wrapped, %at : i32[]
    %row = dynamic_slice %x, %index, %zero {slice_sizes = [1, 4]} : f32[1,4]
    %flat = reshape %row : f32[4]
    %new = add %s2, %flat : f32[4]
    %far = multiply %i2, %five : i32[]
    %element = dynamic_slice %x, %one, %far {slice_sizes = [1, 1]} : f32[1,1]
    %number = convert %i2 : f32[]
    %bare = reshape %element : f32[]
    %total = add %bare, %number : f32[]
    %one_long = reshape %total : f32[1]
    %stored = dynamic_update_slice %l2, %one_long, %i2 : f32[3]
    %next = add %i2, %one : i32[]
    return %next, %new, %stored
  }
  return %sum, %list
}
