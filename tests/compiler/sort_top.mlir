//: title the first elements of a sort are searched: NaN, both zeros, neighbours of one bit, ties by index
//: in 0 = 0 -0 nan 16777214 16777215 16777214 -inf inf -16777214 -16777215 0 2
//: out 0 = nan inf 16777215 16777214 16777214 2 0 0 -0 -16777214
//: out 1 = 2 7 4 3 5 11 0 10 1 8
//: after first has sort
//: after first has f32[1,10]
//: after first lacks slice
//: after lower has max8
//: after lower lacks tensor_copy_predicated
func @main(%x: f32[1,12]) -> (f32[1,10], i32[1,10]) {
  %i = iota {iota_dimension = 1} : i32[1,12]
  %y, %j = sort %x, %i {dimension = 1, is_stable = true} : f32[1,12], i32[1,12] (%a: f32[], %b: f32[], %c: i32[], %d: i32[]) {
    %before = compare GT %a, %b {compare_type = TOTALORDER}
    return %before
  }
  %p = slice %y {start_indices = [0, 0], limit_indices = [1, 10], strides = [1, 1]} : f32[1,10]
  %q = slice %j {start_indices = [0, 0], limit_indices = [1, 10], strides = [1, 1]} : i32[1,10]
  return %p, %q
}
