//: title a running sum of 16-bit integers wraps
//: in 0 = 1 2 3 32767 32767 32767 4 5 6
//: out 0 = 1 2 3 -32768 -32767 -32766 -32764 -32762 -32760
func @main(%x: i16[3,3]) -> (i16[3,3]) {
  %zero = constant 0 : i16[]
  %y = reduce_window %x, %zero {window_dimensions = [3, 1], padding = [[2, 0], [0, 0]]} : i16[3,3]
       (%a: i16[], %b: i16[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
