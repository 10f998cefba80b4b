//: title reductions by functions of several operations keep the order of elements, odd sizes and several arrays
//: in 0 = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
//: in 1 = 2 0 3 1 1 0 5 1 2 2 2 0 1 7 3
//: out 0 = 5 10 15
//: out 1 = 0 0 3 14 6
//: out 2 = 1 7 3 14 15
//: out 3 = 7
//: out 4 = 14
//: out 5 = 14 20
func @main(%x: f32[3,5], %k: i32[3,5]) -> (f32[3], i32[5], f32[5], i32[], f32[], i32[2]) {
  %zero = constant 0.0 : f32[]
  %none = constant 0 : i32[]
  %least = constant -1 : i32[]
  %unit = constant 1 : i32[]
  %last = reduce %x, %zero {dimensions = [1]} : f32[3] (%a1: f32[], %b1: f32[]) {
    %one = constant 1.0 : f32[]
    %c1 = multiply %b1, %one
    %d1 = maximum %a1, %c1
    %odd = compare GT %a1, %d1
    %e1 = select %odd, %a1, %d1
    return %e1
  }
  %product = reduce %k, %unit {dimensions = [0]} : i32[5] (%a2: i32[], %b2: i32[]) {
    %c2 = multiply %a2, %b2
    %d2 = or %c2, %c2
    return %d2
  }
  %m, %v = reduce %k, %x, %least, %zero {dimensions = [0, 1]} : i32[], f32[]
      (%a3: i32[], %b3: f32[], %c3: i32[], %d3: f32[]) {
    %p3 = compare GE %a3, %c3
    %e3 = select %p3, %a3, %c3
    %f3 = select %p3, %b3, %d3
    return %e3, %f3
  }
  %n, %w = reduce %k, %x, %least, %zero {dimensions = [0]} : i32[5], f32[5]
      (%a4: i32[], %b4: f32[], %c4: i32[], %d4: f32[]) {
    %p4 = compare GE %a4, %c4
    %e4 = select %p4, %a4, %c4
    %f4 = select %p4, %b4, %d4
    return %e4, %f4
  }
  %s = slice %k {start_indices = [0, 0], limit_indices = [2, 5], strides = [1, 1]} : i32[2,5]
  %y = map %s, %s {dimensions = [0, 1]} : i32[2,5] (%a5: i32[], %b5: i32[]) {
    %c5 = constant 3 : i32[]
    %d5 = multiply %b5, %c5
    %e5 = subtract %d5, %a5
    return %e5
  }
  %t = reduce %y, %none {dimensions = [1]} : i32[2] (%a6: i32[], %b6: i32[]) {
    %c6 = add %a6, %b6
    return %c6
  }
  return %last, %product, %w, %m, %v, %t
}
