//: title equal operations are made once, also behind stand-ins; those with another attribute are not
//: in 0 = 1 2 3 4 5 6
//: reference
//: after fold has 1 add
//: after fold has 2 slice
//: after fold has 2 compare
func @main(%x: f32[6]) -> (f32[6], f32[6], f32[3], f32[3], i1[6], i1[6], f32[6]) {
  %a = add %x, %x
  %r = reshape %x : f32[6]
  %b = add %r, %x
  %s = slice %a {start_indices = [0], limit_indices = [3], strides = [1]} : f32[3]
  %t = slice %a {start_indices = [3], limit_indices = [6], strides = [1]} : f32[3]
  %c = compare LT %a, %x : i1[6]
  %d = compare GT %a, %x : i1[6]
  %e = add %r, %r
  return %a, %b, %s, %t, %c, %d, %e
}
