//: title fp8 operands reach the PE as they are when alike, as the narrowest type that holds both when not
//: random 4
//: close 3e-6 3e-6
//: reference
//: after lower has stationary=sbuf.f8e4m3[
//: after lower has stationary=sbuf.f8e5m2[
//: after lower has stationary=sbuf.f8e3m4[
//: after lower has stationary=sbuf.bf16[
//: after lower has stationary=sbuf.f16[
//: after lower lacks stationary=sbuf.f32[
func @main(%a: f8e4m3[33,129], %b: f8e4m3[129,5], %c: f8e5m2[33,129], %d: f8e5m2[129,5], %e: f8e3m4[33,129],
           %f: f8e3m4[129,5], %g: bf16[129,5], %h: f16[129,5]) ->
    (f32[33,5], f32[33,5], f32[33,5], f32[33,5], f32[33,5], f32[33,5]) {
  %o0 = dot_general %a, %b {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  %o1 = dot_general %c, %d {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  %o2 = dot_general %e, %f {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  %o3 = dot_general %a, %d {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  %o4 = dot_general %c, %g {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  %o5 = dot_general %a, %h {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[33,5]
  return %o0, %o1, %o2, %o3, %o4, %o5
}
