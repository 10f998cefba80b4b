//: title iotas along every axis, and what views make of them
//: reference
func @main() -> (i32[513], f32[3,129], f32[129,3], u8[5,7], bf16[129], i32[2,3,4], i32[4,3,2], i32[86], i32[12], f32[3,129], i16[2,200]) {
  %r0 = iota {iota_dimension = 0} : i32[513]
  %r1 = iota {iota_dimension = 1} : f32[3,129]
  %r2 = iota {iota_dimension = 0} : f32[129,3]
  %r3 = iota {iota_dimension = 1} : u8[5,7]
  %r4 = iota {iota_dimension = 0} : bf16[129]
  %r5 = iota {iota_dimension = 1} : i32[2,3,4]
  %r6 = transpose %r5 {permutation = [2, 1, 0]} : i32[4,3,2]
  %back = reverse %r0 {dimensions = [0]} : i32[513]
  %r7 = slice %back {start_indices = [1], limit_indices = [513], strides = [6]} : i32[86]
  %line = slice %r0 {start_indices = [100], limit_indices = [112], strides = [1]} : i32[12]
  %grid = reshape %line : i32[3,4]
  %turned = transpose %grid {permutation = [1, 0]} : i32[4,3]
  %r8 = reshape %turned : i32[12]
  %sum = add %r1, %r1
  %r9 = multiply %sum, %r1
  %r10 = iota {iota_dimension = 1} : i16[2,200]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10
}
