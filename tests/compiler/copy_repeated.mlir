//: title a result that repeats a number along its last axis: VectorE repeats it, not a DMA element by element
//: in 0 = -7.5
//: random 5
//: reference
//: after lower has 2 vector.tensor_copy
func @main(%s: f32[], %c: f32[70]) -> (f32[70,150], f32[70,150]) {
  %p = broadcast_in_dim %s {broadcast_dimensions = []} : f32[70,150]
  %q = broadcast_in_dim %c {broadcast_dimensions = [0]} : f32[70,150]
  return %p, %q
}
