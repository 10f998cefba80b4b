//: title integer products are exact and wrap, at every width, signs and short and long sums included
//: random 5
//: reference
func @main(%a: i8[37,129], %b: i8[129,5], %c: u8[7,300], %d: u8[300,9], %e: i16[3,40], %f: i16[40,6],
           %g: u16[5,17], %h: u16[17,4], %i: i32[6,33], %j: i32[33,8], %k: u32[2,3,5], %l: u32[2,5,4]) ->
    (i8[37,5], i32[37,5], u8[7,9], u32[7,9], i16[3,6], u16[5,4], i32[6,8], u32[2,3,4]) {
  %r0 = dot_general %a, %b {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i8[37,5]
  %r1 = dot_general %a, %b {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i32[37,5]
  %r2 = dot_general %c, %d {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : u8[7,9]
  %r3 = dot_general %c, %d {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : u32[7,9]
  %r4 = dot_general %e, %f {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i16[3,6]
  %r5 = dot_general %g, %h {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : u16[5,4]
  %r6 = dot_general %i, %j {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : i32[6,8]
  %r7 = dot_general %k, %l {lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [0], rhs_batching_dimensions = [0]} : u32[2,3,4]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7
}
