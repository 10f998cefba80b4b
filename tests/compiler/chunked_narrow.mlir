//: title chunks of a row fold into fp32, begin with the program's number, and round once at the end
//: in 0 = 0.5
//: out 0 = 14976*150
//: out 1 = 0.125*150
//: after lower has 1 src=hbm.bf16[argument0
func @main(%x: bf16[3,50,60000]) -> (bf16[3,50], bf16[3,50]) {
  %three = constant 3.0 : bf16[]
  %low = constant 0.125 : bf16[]
  %two = multiply %x, %x
  %sum = reduce %two, %three {dimensions = [2]} : bf16[3,50] (%a: bf16[], %b: bf16[]) {
    %c = add %a, %b
    return %c
  }
  %least = reduce %two, %low {dimensions = [2]} : bf16[3,50] (%d: bf16[], %e: bf16[]) {
    %f = minimum %d, %e
    return %f
  }
  return %sum, %least
}
