//: title bf16 is divided by a number and by a softmax's sum with reciprocals in fp32, and rounded once
//: in 0 = 0 1 -1 3 -3 0.5 -5 12 0.1 inf -inf nan 2 7 -7 100
//: in 1 = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
//: close 1e-9 0
//: out 0 = 0 0.1669921875 -0.1669921875 0.5 -0.5 0.08349609375 -0.83203125 2 0.01672363281 inf -inf nan 0.333984375 1.1640625 -1.1640625 16.625
//: close 0.008 1e-9
//: out 1 = 0.0320586033 0.0871443187 0.2368828181 0.6439142599 0.0320586033 0.0871443187 0.2368828181 0.6439142599 0.0320586033 0.0871443187 0.2368828181 0.6439142599 0.0320586033 0.0871443187 0.2368828181 0.6439142599
//: after divide has 1 divide
//: after divide has 1 = divide %
//: after lower lacks op=divide
func @main(%x: bf16[16], %y: bf16[4,4]) -> (bf16[16], bf16[4,4]) {
  %six = constant 6.0 : bf16[16]
  %q = divide %x, %six
  %low = constant -inf : bf16[]
  %zero = constant 0.0 : f32[]
  %m = reduce %y, %low {dimensions = [1]} : bf16[4] (%a: bf16[], %b: bf16[]) {
    %c = maximum %a, %b
    return %c
  }
  %mm = broadcast_in_dim %m {broadcast_dimensions = [0]} : bf16[4,4]
  %d = subtract %y, %mm
  %e = exponential %d
  %w = convert %e : f32[4,4]
  %s = reduce %w, %zero {dimensions = [1]} : f32[4] (%f: f32[], %g: f32[]) {
    %h = add %f, %g
    return %h
  }
  %n = convert %s : bf16[4]
  %nn = broadcast_in_dim %n {broadcast_dimensions = [0]} : bf16[4,4]
  %r = divide %e, %nn
  return %q, %r
}
