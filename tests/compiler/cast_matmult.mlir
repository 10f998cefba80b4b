//: title --auto-cast=matmult casts fp32 operands of products alone, before they are turned, each once
//: auto-cast matmult bf16
//: in 0 = 1.00390625 1.01171875 3 4
//: in 1 = 1 0 0 1
//: after cast has = convert
//: after fold has 2 bf16[2,2]
//: out 0 = 1 1.015625 3 4
//: out 1 = 2.00390625 1.01171875 3 5
func @main(%x: f32[2,2], %y: f32[2,2]) -> (f32[2,2], f32[2,2]) {
  %p = dot_general %x, %y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2,2]
  %s = add %x, %y : f32[2,2]
  return %p, %s
}
