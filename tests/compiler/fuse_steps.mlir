//: title a step with a number or a row's value goes along with its one reader: as first operator, as scale or bias
//: random 5
//: close 2e-6 1e-6
//: reference
//: after lower has 2 scalar_tensor_tensor
//: after lower has 1 op1=add
//: after lower has 1 func=exp
//: after lower has 2 bias=
//: after lower has 2 reduce=
//: after lower has 1 func=tanh
//: after lower has 1 scale=0.75
//: after lower has 1 scale=-1
//: after lower has 1 tensor_reduce
//: after lower has 1 func=square
func @main(%x: f32[1500,160], %g: f32[160]) -> (f32[1500,160], f32[1500,160], f32[1500,160], f32[1500,160]) {
  %zero = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %most = reduce %x, %low {dimensions = [1]} : f32[1500] (%a: f32[], %b: f32[]) {
    %m = maximum %a, %b : f32[]
    return %m
  }
  %mosts = broadcast_in_dim %most {broadcast_dimensions = [0]} : f32[1500,160]
  %apart = subtract %x, %mosts : f32[1500,160]
  %e = exponential %apart : f32[1500,160]
  %sum = reduce %e, %zero {dimensions = [1]} : f32[1500] (%c: f32[], %d: f32[]) {
    %s = add %c, %d : f32[]
    return %s
  }
  %sums = broadcast_in_dim %sum {broadcast_dimensions = [0]} : f32[1500,160]
  %soft = divide %e, %sums : f32[1500,160]
  %back = subtract %mosts, %x : f32[1500,160]
  %hyper = tanh %back : f32[1500,160]
  %part = constant 0.75 : f32[1500,160]
  %small = multiply %x, %part : f32[1500,160]
  %short = logistic %small : f32[1500,160]
  %one = constant 1.0 : f32[1500,160]
  %less = subtract %one, %short : f32[1500,160]
  %gain = broadcast_in_dim %g {broadcast_dimensions = [1]} : f32[1500,160]
  %y0 = multiply %less, %gain : f32[1500,160]
  %three = constant 3.0 : f32[1500,160]
  %more = add %hyper, %three : f32[1500,160]
  %y1 = subtract %soft, %more : f32[1500,160]
  %two = constant 2.0 : f32[1500,160]
  %twice = multiply %hyper, %two : f32[1500,160]
  %y2 = add %twice, %part : f32[1500,160]
  %square = multiply %hyper, %hyper : f32[1500,160]
  %power = reduce %square, %zero {dimensions = [1]} : f32[1500] (%h: f32[], %i: f32[]) {
    %t = add %h, %i : f32[]
    return %t
  }
  %powers = broadcast_in_dim %power {broadcast_dimensions = [0]} : f32[1500,160]
  %turned = divide %one, %powers : f32[1500,160]
  %y3 = multiply %turned, %soft : f32[1500,160]
  return %y0, %y1, %y2, %y3
}
