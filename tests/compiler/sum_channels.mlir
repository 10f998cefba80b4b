//: title a sum that leaves few channels of what a pointwise op computes is first one of each image, which the nest makes
//: random 1
//: close 1e-5 1e-4
//: reference
//: after rows has 4 reduce
//: after rows has f32[5,40]
//: after lower has 1 f32[5,40,30,20]
func @main(%x: f32[5,40,30,20], %y: f32[64,40,30,2], %z: f32[40,5,30,20]) -> (f32[5], f32[64], f32[5]) {
  %one = constant 1.0 : f32[]
  %zero = constant 0.0 : f32[]
  %a = multiply %x, %x : f32[5,40,30,20]
  %r = reduce %a, %one {dimensions = [1, 2, 3]} : f32[5] (%p: f32[], %q: f32[]) {
    %m = add %p, %q
    return %m
  }
  %b = multiply %y, %y : f32[64,40,30,2]
  %s = reduce %b, %zero {dimensions = [1, 2, 3]} : f32[64] (%t: f32[], %u: f32[]) {
    %n = add %t, %u
    return %n
  }
  %c = multiply %z, %z : f32[40,5,30,20]
  %v = reduce %c, %zero {dimensions = [0, 2, 3]} : f32[5] (%d: f32[], %e: f32[]) {
    %f = add %d, %e
    return %f
  }
  return %r, %s, %v
}
