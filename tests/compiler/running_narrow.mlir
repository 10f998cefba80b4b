//: title running sums, products and extremes of narrow integers, in more than one chunk, both ways
//: random 200
//: reference
//: after lower has 3 tensor_tensor_scan
func @main(%x: i16[2,5000], %y: u8[3,37], %z: i8[4,50], %w: u16[4500]) -> (i16[2,5000], u8[3,37], i8[4,50], u16[4500]) {
  %nought = constant 0 : i16[]
  %one = constant 1 : u8[]
  %least = constant -128 : i8[]
  %most = constant 65535 : u16[]
  %a = reduce_window %x, %nought {window_dimensions = [1, 5000], padding = [[0, 0], [4999, 0]]} : i16[2,5000]
       (%p0: i16[], %q0: i16[]) {
    %c0 = add %p0, %q0
    return %c0
  }
  %b = reduce_window %y, %one {window_dimensions = [1, 37], padding = [[0, 0], [0, 36]]} : u8[3,37]
       (%p1: u8[], %q1: u8[]) {
    %c1 = multiply %p1, %q1
    return %c1
  }
  %d = reduce_window %z, %least {window_dimensions = [4, 1], padding = [[0, 3], [0, 0]]} : i8[4,50]
       (%p2: i8[], %q2: i8[]) {
    %c2 = maximum %p2, %q2
    return %c2
  }
  %e = reduce_window %w, %most {window_dimensions = [4500], padding = [[4499, 0]]} : u16[4500]
       (%p3: u16[], %q3: u16[]) {
    %c3 = minimum %p3, %q3
    return %c3
  }
  return %a, %b, %d, %e
}
