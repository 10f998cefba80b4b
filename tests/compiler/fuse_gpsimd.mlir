//: title what GpSimdE works on, which cannot reach PSUM, after a contraction
//: in 0 = 1
//: in 1 = 0.25
//: close 1e-6 0
//: out 0 = 0.7780731969 0.7780731969
//: out 1 = 4.5 4.5
//: out 2 = 91.125 91.125
//: out 3 = 1091567623 1091567623
func @main(%x: f32[130,9], %y: f32[9,300]) -> (f32[1,2], f32[1,2], f32[1,2], i32[1,2]) {
  %a = dot_general %x, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,300]
  %sine = sine %a
  %o0 = slice %sine {start_indices = [129, 298], limit_indices = [130, 300], strides = [1, 1]} : f32[1,2]
  %s = add %x, %x
  %b = dot_general %s, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,300]
  %kept = reduce_precision %b {exponent_bits = 8, mantissa_bits = 7}
  %o1 = slice %kept {start_indices = [129, 298], limit_indices = [130, 300], strides = [1, 1]} : f32[1,2]
  %three = constant 3.0 : f32[130,300]
  %t = negate %s
  %c = dot_general %t, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,300]
  %size = abs %c
  %power = power %size, %three
  %o2 = slice %power {start_indices = [129, 298], limit_indices = [130, 300], strides = [1, 1]} : f32[1,2]
  %u = multiply %s, %s
  %d = dot_general %u, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,300]
  %bits = bitcast_convert %d : i32[130,300]
  %seven = constant 7 : i32[130,300]
  %sum = add %bits, %seven
  %o3 = slice %sum {start_indices = [129, 298], limit_indices = [130, 300], strides = [1, 1]} : i32[1,2]
  return %o0, %o1, %o2, %o3
}
