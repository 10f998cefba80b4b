//: title loops without a trip: the initial values come out, whether the program or the data knows
//: in 0 = 7
//: in 1 = 1 2 3
//: out 0 = 7
//: out 1 = 1 2 3
//: out 2 = 1 2 3
//: after lower has 1 loop %0 = 2147483647
func @main(%n: i32[], %x: f32[3]) -> (i32[], f32[3], f32[3]) {
  %four = constant 4 : i32[]
  %one = constant 1 : i32[]
  %i, %a = while %four, %x : i32[], f32[3] (%i2: i32[], %a2: f32[3]) {
    %is = compare LE %i2, %one {compare_type = SIGNED} : i1[]
    return %is
  } (%i3: i32[], %a3: f32[3]) {
    %next = add %i3, %one : i32[]
    %twice = add %a3, %a3 : f32[3]
    return %next, %twice
  }
  %j, %b = while %n, %x : i32[], f32[3] (%i4: i32[], %a4: f32[3]) {
    %is2 = compare LE %i4, %one {compare_type = SIGNED} : i1[]
    return %is2
  } (%i5: i32[], %a5: f32[3]) {
    %next2 = add %i5, %one : i32[]
    %twice2 = add %a5, %a5 : f32[3]
    return %next2, %twice2
  }
  return %j, %a, %b
}
