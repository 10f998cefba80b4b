//: title a value that the trips overwrite element by element is read before they are through
//: in 0 = 10 20 30
//: out 0 = 1 1 1
//: out 1 = 3 22 61
func @main(%x: f32[3]) -> (f32[3], f32[3]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %three = constant 3 : i32[]
  %nothing = constant 0.0 : f32[3]
  %piece = constant 1.0 : f32[1]
  %n, %made, %total = while %zero, %x, %nothing : i32[], f32[3], f32[3] (%i: i32[], %a: f32[3], %s: f32[3]) {
    %is = compare LT %i, %three {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %a2: f32[3], %s2: f32[3]) {
    %b = dynamic_update_slice %a2, %piece, %i2 : f32[3]
    %c = add %s2, %b : f32[3]
    %next = add %i2, %one : i32[]
    return %next, %b, %c
  }
  return %made, %total
}
