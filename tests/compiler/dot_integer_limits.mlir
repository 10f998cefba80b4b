//: title the largest integers: products wrap as 32-bit integers do, predicates are any of both; empty sums are 0
//: in 0 = 2147483647 -2147483648 -1 1
//: in 1 = 2147483647 -2147483648 -1 -2147483648
//: in 2 = -128 -128 127
//: in 3 = -128 127 -128
//: in 4 = 1 0 1 0 1 0
//: in 5 = 0 0 1
//: in 7 = 9
//: out 0 = -2147483646
//: out 1 = -16128
//: out 2 = 0
//: out 3 = 1 0
//: out 5 = 0*4
func @main(%a: i32[4], %b: i32[4], %c: i8[3], %d: i8[3], %p: i1[2,3], %q: i1[3], %e: i16[0,3], %f: i16[3,2], %g: i16[2,0]) ->
    (i32[], i32[], i8[], i1[2], i16[0,2], i16[2,2]) {
  %x = dot_general %a, %b {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i32[]
  %y = dot_general %c, %d {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i32[]
  %z = dot_general %c, %d {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i8[]
  %w = dot_general %p, %q {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i1[2]
  %u = dot_general %e, %f {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i16[0,2]
  %h = reshape %e : i16[0,2]
  %v = dot_general %g, %h {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i16[2,2]
  return %x, %y, %z, %w, %u, %v
}
