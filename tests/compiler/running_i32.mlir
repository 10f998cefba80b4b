//: title exact running sums of words
//: random 2e9
//: reference
func @main(%x: i32[3,500]) -> (i32[3,500]) {
  %start = constant 0 : i32[]
  %y = reduce_window %x, %start {window_dimensions = [1, 500], padding = [[0, 0], [499, 0]]} : i32[3,500] (%a: i32[], %b: i32[]) {
    %c = add %a, %b
    return %c
  }
  return %y
}
