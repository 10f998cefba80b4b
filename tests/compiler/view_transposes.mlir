//: title transposes of every rank, also of what is already a view
//: random 9
//: reference
func @main(%a: f32[129,3], %b: i32[2,127,5], %c: bf16[3,2,5,7], %d: u8[2,3,2,1,3,2,2,3], %e: f32[1,513]) ->
    (f32[3,129], i32[5,2,127], i32[127,5,2], bf16[7,3,2,5], u8[3,2,2,3,2,3,1,2], f32[513,1], f32[129,3], i1[513,1]) {
  %t0 = transpose %a {permutation = [1, 0]} : f32[3,129]
  %t1 = transpose %b {permutation = [2, 0, 1]} : i32[5,2,127]
  %t2 = transpose %t1 {permutation = [2, 0, 1]} : i32[127,5,2]
  %t3 = transpose %c {permutation = [3, 0, 1, 2]} : bf16[7,3,2,5]
  %t4 = transpose %d {permutation = [7, 6, 5, 4, 2, 1, 3, 0]} : u8[3,2,2,3,2,3,1,2]
  %t5 = transpose %e {permutation = [1, 0]} : f32[513,1]
  %t6 = transpose %t0 {permutation = [1, 0]} : f32[129,3]
  %zero = constant 4.0 : f32[513,1]
  %t7 = compare GT %t5, %zero : i1[513,1]
  return %t0, %t1, %t2, %t3, %t4, %t5, %t6, %t7
}
