//: title products of transposed, reversed, sliced, repeated and counted operands, and of numbers
//: random 1
//: close 1e-5 1e-5
//: reference
func @main(%x: f32[33,130], %y: f32[129,17], %v: f32[129]) ->
    (f32[130,33], f32[11,17], f32[33,17], f32[5,17], f32[3,129], f32[17,17], f32[33,5]) {
  %xt = transpose %x {permutation = [1, 0]} : f32[130,33]
  %back = reverse %x {dimensions = [0, 1]} : f32[33,130]
  %d0 = dot_general %xt, %back {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[130,130]
  %s0 = slice %d0 {start_indices = [0, 5], limit_indices = [130, 38], strides = [1, 1]} : f32[130,33]
  %xs = slice %x {start_indices = [0, 1], limit_indices = [33, 130], strides = [3, 1]} : f32[11,129]
  %d1 = dot_general %xs, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[11,17]
  %odd = slice %x {start_indices = [0, 0], limit_indices = [33, 129], strides = [1, 1]} : f32[33,129]
  %d2 = dot_general %odd, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,17]
  %rows = broadcast_in_dim %v {broadcast_dimensions = [1]} : f32[5,129]
  %d3 = dot_general %rows, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[5,17]
  %count = iota {iota_dimension = 0} : f32[3,2]
  %two = constant 2.0 : f32[2,129]
  %d4 = dot_general %count, %two {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[3,129]
  %d5 = dot_general %y, %y {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[17,17]
  %sum = add %odd, %odd
  %part = slice %sum {start_indices = [0, 2], limit_indices = [33, 128], strides = [1, 3]} : f32[33,42]
  %w = slice %y {start_indices = [0, 3], limit_indices = [126, 8], strides = [3, 1]} : f32[42,5]
  %d6 = dot_general %part, %w {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0], lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  return %s0, %d1, %d2, %d3, %d4, %d5, %d6
}
