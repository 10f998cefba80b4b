//: title what a trip stacks is computed where it belongs, and read there by the rest of the trip; nothing clears it first
//: in 0 = 1 2 3 4
//: out 0 = 1 256 6561 65536
//: out 1 = 1 4 9 16  1 16 81 256  1 256 6561 65536
//: after lower lacks memset
//: after lower lacks src=hbm.f32[multiply
//: after lower has 1 dst=hbm.f32[result1 +0+4*%0 
func @main(%x: f32[4]) -> (f32[4], f32[3,4]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %three = constant 3 : i32[]
  %none = constant 0.0 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[3,4]
  %n, %a, %all = while %zero, %x, %empty : i32[], f32[4], f32[3,4] (%i: i32[], %s: f32[4], %l: f32[3,4]) {
    %is = compare LT %i, %three {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %s2: f32[4], %l2: f32[3,4]) {
    %square = multiply %s2, %s2 : f32[4]
    %row = broadcast_in_dim %square {broadcast_dimensions = [1]} : f32[1,4]
    %stacked = dynamic_update_slice %l2, %row, %i2, %zero : f32[3,4]
    %turned = reverse %square {dimensions = [0]} : f32[4]
    %back = reverse %turned {dimensions = [0]} : f32[4]
    %next = add %i2, %one : i32[]
    return %next, %back, %stacked
  }
  return %a, %all
}
