//: title narrow integers: sums and products wrap, the largest and least, bits, long and short, any start
//: in 0 = 100 100 -128 3 -7 127 1
//: in 1 = 200 100 255 3 1
//: in 2 = 30000 30000 -32768 -3 7
//: in 3 = 5
//: in 4 = 1 0 1
//: reference
func @main(%x: i8[3,129], %u: u8[3,513], %s: i16[20011], %given: i8[], %p: i1[129]) ->
    (i8[3], i8[3], i8[3], i8[], u8[3], u8[3], u8[3], u8[3], u8[513], i16[], i16[], i16[], i8[129], i1[]) {
  %z8 = constant 0 : i8[]
  %o8 = constant 1 : i8[]
  %l8 = constant -128 : i8[]
  %zu = constant 0 : u8[]
  %mu = constant 255 : u8[]
  %zs = constant 0 : i16[]
  %no = constant false : i1[]
  %r0 = reduce %x, %z8 {dimensions = [1]} : i8[3] (%a0: i8[], %b0: i8[]) {
    %c0 = add %a0, %b0
    return %c0
  }
  %r1 = reduce %x, %o8 {dimensions = [1]} : i8[3] (%a1: i8[], %b1: i8[]) {
    %c1 = multiply %a1, %b1
    return %c1
  }
  %r2 = reduce %x, %l8 {dimensions = [1]} : i8[3] (%a2: i8[], %b2: i8[]) {
    %c2 = maximum %a2, %b2
    return %c2
  }
  %r3 = reduce %x, %z8 {dimensions = [0, 1]} : i8[] (%a3: i8[], %b3: i8[]) {
    %c3 = add %a3, %b3
    return %c3
  }
  %r4 = reduce %u, %zu {dimensions = [1]} : u8[3] (%a4: u8[], %b4: u8[]) {
    %c4 = add %a4, %b4
    return %c4
  }
  %r5 = reduce %u, %mu {dimensions = [1]} : u8[3] (%a5: u8[], %b5: u8[]) {
    %c5 = minimum %a5, %b5
    return %c5
  }
  %r6 = reduce %u, %zu {dimensions = [1]} : u8[3] (%a6: u8[], %b6: u8[]) {
    %c6 = maximum %a6, %b6
    return %c6
  }
  %r7 = reduce %u, %mu {dimensions = [1]} : u8[3] (%a7: u8[], %b7: u8[]) {
    %c7 = and %a7, %b7
    return %c7
  }
  %r8 = reduce %u, %zu {dimensions = [0]} : u8[513] (%a8: u8[], %b8: u8[]) {
    %c8 = or %a8, %b8
    return %c8
  }
  %r9 = reduce %s, %zs {dimensions = [0]} : i16[] (%a9: i16[], %b9: i16[]) {
    %c9 = add %a9, %b9
    return %c9
  }
  %r10 = reduce %s, %zs {dimensions = [0]} : i16[] (%a10: i16[], %b10: i16[]) {
    %c10 = xor %a10, %b10
    return %c10
  }
  %r11 = reduce %s, %zs {dimensions = [0]} : i16[] (%a11: i16[], %b11: i16[]) {
    %c11 = minimum %a11, %b11
    return %c11
  }
  %r12 = reduce %x, %given {dimensions = [0]} : i8[129] (%a12: i8[], %b12: i8[]) {
    %c12 = add %a12, %b12
    return %c12
  }
  %r13 = reduce %p, %no {dimensions = [0]} : i1[] (%a13: i1[], %b13: i1[]) {
    %c13 = xor %a13, %b13
    return %c13
  }
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11, %r12, %r13
}
