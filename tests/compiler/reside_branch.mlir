//: title an argument that only a branch loads is loaded by what follows, too
//: in 0 = 1
//: in 1 = 0..255
//: out 0 = 7*256
//: out 1 = 1..256
//: after reside has 2 src=hbm.f32[argument1
func @main(%pick: i32[], %x: f32[128,2]) -> (f32[128,2], f32[128,2]) {
  %one = constant 1.0 : f32[128,2]
  %seven = constant 7.0 : f32[128,2]
  %y = case %pick : f32[128,2] () {
    %twice = add %x, %x : f32[128,2]
    return %twice
  } () {
    return %seven
  }
  %z = add %x, %one : f32[128,2]
  return %y, %z
}
