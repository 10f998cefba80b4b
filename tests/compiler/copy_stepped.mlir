//: title every second element and the like: rows, both axes, backwards, turned as well, a column, an operand of arithmetic and of a product
//: in 0 = nan inf -inf -0 0..40
//: in 1 = 0..250
//: in 2 = -5..5
//: in 3 = -2..2
//: reference
//: after lower has vector.tensor_copy
func @main(%x: f32[80,300], %y: u8[20011], %z: f32[5000,3], %w: bf16[64,160]) -> (f32[80,150], f32[150,27], u8[4003], f32[5000], f32[80,150], bf16[80,80]) {
  %a = slice %x {start_indices = [0, 1], limit_indices = [80, 300], strides = [1, 2]} : f32[80,150]
  %r = reverse %x {dimensions = [1]} : f32[80,300]
  %b = slice %r {start_indices = [0, 0], limit_indices = [80, 300], strides = [3, 2]} : f32[27,150]
  %t = transpose %b {permutation = [1, 0]} : f32[150,27]
  %c = slice %y {start_indices = [0], limit_indices = [20011], strides = [5]} : u8[4003]
  %d = slice %z {start_indices = [0, 1], limit_indices = [5000, 2], strides = [1, 1]} : f32[5000,1]
  %e = reshape %d : f32[5000]
  %g = add %a, %a : f32[80,150]
  %h = slice %w {start_indices = [0, 0], limit_indices = [64, 160], strides = [1, 2]} : bf16[64,80]
  %p = dot_general %h, %h {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : bf16[80,80]
  return %a, %t, %c, %e, %g, %p
}
