//: title sums of products that loops carry follow them; matrices that loops only read are turned before them
//: random 1
//: after later has 3 = dot_general %
//: after later has 2 = dynamic_update_slice %
//: after later has 1 lhs_contracting_dimensions = [0, 1]
//: after lower has 1 tensor turned
func @main(%xs: f32[6,40,70], %ys: f32[6,40,70], %w: f32[70,70], %g: f32[70,70], %k: f32[70,70]) ->
    (f32[70,70], f32[40,70], f32[6,40,70], f32[70,70]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %five = constant 5 : i32[]
  %six = constant 6 : i32[]
  %h0 = constant 0.25 : f32[40,70]
  %n, %cx, %cy, %cw, %sum, %h, %all, %mixed = while %zero, %xs, %ys, %w, %g, %h0, %ys, %k :
      i32[], f32[6,40,70], f32[6,40,70], f32[70,70], f32[70,70], f32[40,70], f32[6,40,70], f32[70,70]
      (%n1: i32[], %x1: f32[6,40,70], %y1: f32[6,40,70], %w1: f32[70,70], %g1: f32[70,70], %h1: f32[40,70], %a1: f32[6,40,70], %k1: f32[70,70]) {
    %t = compare LT %n1, %six {compare_type = SIGNED} : i1[]
    return %t
  } (%n2: i32[], %x2: f32[6,40,70], %y2: f32[6,40,70], %w2: f32[70,70], %g2: f32[70,70], %h2: f32[40,70], %a2: f32[6,40,70], %k2: f32[70,70]) {
    %at = subtract %five, %n2
    %s = dynamic_slice %x2, %at, %zero, %zero {slice_sizes = [1, 40, 70]} : f32[1,40,70]
    %x = reshape %s : f32[40,70]
    %hw = dot_general %h2, %w2 {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]} : f32[40,70]
    %hx = add %hw, %x
    %next = tanh %hx
    %p = dot_general %x, %next {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[70,70]
    %g3 = add %g2, %p
    %q = dot_general %x, %next {lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[70,70]
    %k3 = subtract %k2, %q
    %r = reshape %next : f32[1,40,70]
    %a3 = dynamic_update_slice %a2, %r, %n2, %zero, %zero : f32[6,40,70]
    %m = add %n2, %one
    return %m, %x2, %y2, %w2, %g3, %next, %a3, %k3
  }
  return %sum, %h, %all, %mixed
}
