//: title integers: words compare and add exactly, narrow ones wrap
//: in 0 = 16777217 16777216 16777217 5 -2147483648 2147483647
//: in 1 = 2147483647 16777219 -7
//: in 2 = 1 2 3 -4 -5 6
//: in 3 = 100 100 100 -100 9
//: out 0 = -2147483646 3 16777222 3 3 -4
//: out 1 = 0 100 -56 -100 0 9
func @main(%x: i32[6], %s: i32[3], %y: i8[6], %t: i8[5]) -> (i32[6], i8[6]) {
  %three = constant 3 : i32[]
  %zero = constant 0 : i8[]
  %a = select_and_scatter %x, %s, %three {window_dimensions = [2], window_strides = [2]} : i32[6]
       (%p: i32[], %q: i32[]) {
    %c = compare GE %p, %q
    return %c
  } (%d: i32[], %e: i32[]) {
    %f = add %d, %e
    return %f
  }
  %b = select_and_scatter %y, %t, %zero {window_dimensions = [2], window_strides = [1]} : i8[6]
       (%g: i8[], %h: i8[]) {
    %i = compare GE %g, %h
    return %i
  } (%j: i8[], %k: i8[]) {
    %l = add %j, %k
    return %l
  }
  return %a, %b
}
