//: title large copies that change the contiguous axis: every bit pattern, blocks that are not whole, outer axes, narrow types
//: in 0 = nan inf -inf -0 0 1 1e-42 3 -7.25 65537 2.5
//: in 1 = nan inf -inf -0 0..250
//: in 2 = 0..250
//: reference
//: after lower has nc_transpose
//: after lower has psum
func @main(%x: f32[2,300,650], %y: bf16[140,530], %z: u8[1040,33]) -> (f32[2,650,300], bf16[530,140], u8[33,1040]) {
  %t = transpose %x {permutation = [0, 2, 1]} : f32[2,650,300]
  %u = transpose %y {permutation = [1, 0]} : bf16[530,140]
  %w = transpose %z {permutation = [1, 0]} : u8[33,1040]
  return %t, %u, %w
}
