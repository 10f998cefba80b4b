//: title weights with the places of the window last and back, also from behind: runs at both ends
//: random 1
//: reference
//: clock 140
func @main(%x: f32[96,80,3,3], %y: f32[5,60,70], %z: bf16[33,400,7])
    -> (f32[3,3,80,96], f32[70,60,5], f32[96,80,3,3], f32[3,3,96,80], bf16[33,7,400]) {
  %r0 = transpose %x {permutation = [2, 3, 1, 0]} : f32[3,3,80,96]
  %r1 = transpose %y {permutation = [2, 1, 0]} : f32[70,60,5]
  %r2 = reverse %r0 {dimensions = [0, 1]} : f32[3,3,80,96]
  %r3 = transpose %r2 {permutation = [3, 2, 0, 1]} : f32[96,80,3,3]
  %r4 = reverse %x {dimensions = [2, 3]} : f32[96,80,3,3]
  %r5 = transpose %r4 {permutation = [2, 3, 0, 1]} : f32[3,3,96,80]
  %r6 = transpose %z {permutation = [0, 2, 1]} : bf16[33,7,400]
  return %r0, %r1, %r3, %r5, %r6
}
