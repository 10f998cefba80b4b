//: title loops and sums carry the parts of complex numbers apart
//: in 0 = 1 0 0.5 -1
//: in 1 = 0 1 0.5 2
//: close 1e-6 1e-6
//: out 0 = 2 -1 0.5 -4
//: out 1 = 0 1 1 -2
//: out 2 = -2.5
//: out 3 = 0
//: after complex lacks c64
//: after complex has 2 reduce
func @main(%r: f32[4], %i: f32[4]) -> (f32[4], f32[4], f32[], f32[]) {
  %c = complex %r, %i : c64[4]
  %zero = constant 0 : i32[]
  %trips = constant 1 : i32[]
  %at, %z = while %zero, %c : i32[], c64[4] (%n: i32[], %y: c64[4]) {
    %more = compare LT %n, %trips : i1[]
    return %more
  } (%k: i32[], %w: c64[4]) {
    %one = constant 1 : i32[]
    %m = add %k, %one : i32[]
    %square = multiply %w, %w : c64[4]
    %next = add %square, %c : c64[4]
    return %m, %next
  }
  %zr = real %z : f32[4]
  %zi = imag %z : f32[4]
  %none = constant 0 : f32[]
  %start = complex %none, %none : c64[]
  %sum = reduce %z, %start {dimensions = [0]} : c64[] (%a: c64[], %b: c64[]) {
    %both = add %a, %b : c64[]
    return %both
  }
  %sr = real %sum : f32[]
  %si = imag %sum : f32[]
  return %zr, %zi, %sr, %si
}
