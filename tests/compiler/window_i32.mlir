//: title 32-bit sums wrap
//: random 2e9
//: reference
func @main(%x: i32[4,9,5]) -> (i32[3,7,5]) {
  %start = constant 0 : i32[]
  %y = reduce_window %x, %start {window_dimensions = [2, 3, 1]} : i32[3,7,5] (%a: i32[], %b: i32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
