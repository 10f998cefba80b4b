//: title 8 rows of 65536, whose sum moved an element a descriptor in 1.3 ms, come in runs
//: clock 40
func @main(%x: f32[8,65536]) -> (f32[65536]) {
  %z = constant 0.0 : f32[]
  %r = reduce %x, %z {dimensions = [0]} : f32[65536] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %r
}
