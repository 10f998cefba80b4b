//: title a choice between two numbers is its predicate, or the opposite one, times a number plus one, where exact
//: random 2
//: reference
//: after lower has 3 vector.tensor_copy_predicated
//: after lower has 2 op0=is_equal operand0=0
//: after lower has 6 op0=multiply
func @main(%x: f32[130,40], %r: f32[130], %n: i32[130,40]) ->
    (f32[130,40], f32[130,40], f32[130,40], f32[130,40], f32[130,40], bf16[130,40], i32[130,40], i32[130,40], f32[130,40]) {
  %one = constant 1.0 : f32[130,40]
  %zero = constant 0.0 : f32[130,40]
  %p = compare LT %x, %one {compare_type = "FLOAT"} : i1[130,40]
  %a = select %p, %one, %zero : f32[130,40]
  %tiny = constant 2.81022636e-08 : f32[130,40]
  %some = constant -0.000200214257 : f32[130,40]
  %b = select %p, %tiny, %some : f32[130,40]
  %c = select %p, %some, %tiny : f32[130,40]
  %inf = constant -inf : f32[130,40]
  %d = select %p, %zero, %inf : f32[130,40]
  %minus = constant -0.0 : f32[130,40]
  %e = select %p, %minus, %one : f32[130,40]
  %third = constant 0.333 : bf16[130,40]
  %two = constant -2.5 : bf16[130,40]
  %f = select %p, %third, %two : bf16[130,40]
  %i = constant -7 : i32[130,40]
  %j = constant 100000 : i32[130,40]
  %g = select %p, %i, %j : i32[130,40]
  %k = constant 2147483647 : i32[130,40]
  %h = select %p, %i, %k : i32[130,40]
  %t = broadcast_in_dim %r {broadcast_dimensions = [0]} : f32[130,40]
  %q = compare GE %t, %one {compare_type = "FLOAT"} : i1[130,40]
  %u = select %q, %tiny, %one : f32[130,40]
  %v = add %u, %x : f32[130,40]
  return %a, %b, %c, %d, %e, %f, %g, %h, %v
}
