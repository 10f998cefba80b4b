//: title Adam divides by sqrt(v) + epsilon: ScalarE takes the reciprocal, in the pass that updates the weight
//: in 0 = 1 -2 0 3e38 1e-38 inf nan -7.5
//: in 1 = 0 1e-20 4 1e-44 3e38 1 2 inf 1e-12
//: in 2 = 0 1 -1 1e30
//: close 3e-7 1e-7
//: reference
//: after divide has 1 divide
//: after divide has 2 multiply
//: after lower has 1 func=reciprocal
//: after lower has 0 divide operand
func @main(%m: f32[40,600], %v: f32[40,600], %p: f32[40,600]) -> (f32[40,600]) {
  %epsilon = constant 1e-8 : f32[40,600]
  %rate = constant 3e-4 : f32[40,600]
  %root = sqrt %v
  %below = add %root, %epsilon
  %step = divide %m, %below
  %scaled = multiply %step, %rate
  %next = subtract %p, %scaled
  return %next
}
