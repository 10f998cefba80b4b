//: title a sum of everything that a pointwise op computes is first one of each row, which the nest makes
//: random 1
//: close 1e-5 1e-4
//: reference
//: after rows has 3 reduce
//: after rows has f32[160]
//: after lower has 1 f32[160,250]
func @main(%x: f32[160,250], %y: f32[20,30]) -> (f32[], f32[]) {
  %zero = constant 0.0 : f32[]
  %a = multiply %x, %x : f32[160,250]
  %s = reduce %a, %zero {dimensions = [0, 1]} : f32[] (%p: f32[], %q: f32[]) {
    %m = add %p, %q
    return %m
  }
  %b = multiply %y, %y : f32[20,30]
  %t = reduce %b, %zero {dimensions = [0, 1]} : f32[] (%u: f32[], %v: f32[]) {
    %n = add %u, %v
    return %n
  }
  return %s, %t
}
