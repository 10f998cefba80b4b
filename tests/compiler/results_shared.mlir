//: title results that are arguments, views, constants and each other
//: random 9
//: reference
func @main(%a: f32[3,43], %b: i32[5]) -> (f32[3,43], f32[43,3], f32[3,43], i32[5], i32[4], f32[3,43], f32[3,43], f32[], f32[129]) {
  %t = transpose %a {permutation = [1, 0]} : f32[43,3]
  %s = add %a, %a
  %c = constant [1, -2, 3, 2147483647] : i32[4]
  %z = constant 3.0 : f32[3,43]
  %one = constant -1.5 : f32[]
  %flat = reshape %s : f32[129]
  return %a, %t, %s, %b, %c, %z, %s, %one, %flat
}
