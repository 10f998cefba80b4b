//: title in a loop's body, where equal operations are not merged: softplus and its gradient; a power is a product
//: in 0 = 0 1 -1 3 -3 0.01 -5 12 -0.3 20 -20 nan
//: close 4e-6 1e-6
//: out 0 = -0.23115001 -0.11065896 -0.232556401 0.204216145 -0.194340587 -0.230785288 -0.193152862 0.258982141 -0.237686554 0.258988879 -0.193147181 nan
//: after narrow has 1 = softplus %
//: after narrow has 1 = logistic %
//: after narrow has 1 = gelu_apprx_tanh %
func @main(%x: f32[12]) -> (f32[12]) {
  %none = constant 0 : i32[]
  %n, %r = while %none, %x : i32[], f32[12] (%i: i32[], %v: f32[12]) {
    %most = constant 2 : i32[]
    %go = compare LT %i, %most {compare_type = SIGNED}
    return %go
  } (%j: i32[], %w: f32[12]) {
    %zero = constant 0.0 : f32[12]
    %one = constant 1.0 : f32[12]
    %infinity = constant inf : f32[12]
    %half = constant 0.5 : f32[12]
    %three = constant 3.0 : f32[12]
    %a = constant 0.044715 : f32[12]
    %k = constant 0.7978845608 : f32[12]
    %pos = maximum %w, %zero
    %size = abs %w
    %ms = negate %size
    %es = exponential %ms
    %l = log_plus_one %es
    %soft = add %pos, %l
    %isx = compare EQ %w, %infinity
    %fx = select %isx, %zero, %w
    %pos2 = maximum %w, %zero
    %size2 = abs %w
    %ms2 = negate %size2
    %es2 = exponential %ms2
    %l2 = log_plus_one %es2
    %soft2 = add %pos2, %l2
    %iss = compare EQ %soft2, %infinity
    %fs = select %iss, %zero, %soft
    %d = subtract %fx, %fs
    %slope = exponential %d
    %xxx = power %w, %three
    %c = multiply %a, %xxx
    %s = add %w, %c
    %u = multiply %k, %s
    %t = tanh %u
    %plus = add %one, %t
    %ht = multiply %half, %plus
    %g = multiply %w, %ht
    %sum = add %slope, %g
    %sub = subtract %sum, %soft
    %step = constant 1 : i32[]
    %next = add %j, %step
    return %next, %sub
  }
  return %r
}
