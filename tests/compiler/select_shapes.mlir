//: title select by a predicate of the operands' shape and by a scalar one, of every width
//: random 100
//: in 0 = 0 1 1
//: in 1 = 1
//: in 2 = 0
//: reference
func @main(%p: i1[5,129], %yes: i1[], %no: i1[], %a: f32[5,129], %b: f32[5,129], %c: bf16[5,129], %d: bf16[5,129],
           %e: i32[5,129], %f: i32[5,129], %g: u8[5,129], %h: u8[5,129], %i: i1[5,129]) ->
    (f32[5,129], bf16[5,129], i32[5,129], u8[5,129], i1[5,129], f32[5,129], f32[5,129], i32[5,129]) {
  %r0 = select %p, %a, %b : f32[5,129]
  %r1 = select %p, %c, %d : bf16[5,129]
  %r2 = select %p, %e, %f : i32[5,129]
  %r3 = select %p, %g, %h : u8[5,129]
  %r4 = select %p, %i, %p : i1[5,129]
  %r5 = select %yes, %a, %b : f32[5,129]
  %r6 = select %no, %a, %b : f32[5,129]
  %r7 = select %no, %e, %f : i32[5,129]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7
}
