//: title a reduction of axes of size 1 is a reshape, unless its start counts
//: in 0 = 1 -2 nan
//: in 1 = 5
//: reference
//: after fold has 1 reduce
func @main(%x: f32[3,1], %s: f32[]) -> (f32[3], f32[3], f32[3]) {
  %z = constant 0.0 : f32[]
  %low = constant -inf : f32[]
  %one = constant 1.0 : f32[]
  %a = reduce %x, %z {dimensions = [1]} : f32[3] (%p0: f32[], %q0: f32[]) {
    %r0 = add %p0, %q0
    return %r0
  }
  %b = reduce %x, %low {dimensions = [1]} : f32[3] (%p1: f32[], %q1: f32[]) {
    %r1 = maximum %p1, %q1
    return %r1
  }
  %c = reduce %x, %one {dimensions = [1]} : f32[3] (%p2: f32[], %q2: f32[]) {
    %r2 = add %p2, %q2
    return %r2
  }
  return %a, %b, %c
}
