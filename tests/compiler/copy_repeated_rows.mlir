//: title rows of which every element is repeated: a DMA loads them as they lie, VectorE repeats
//: random 5
//: reference
//: after lower has 4 vector.tensor_copy
func @main(%a: f32[3,70,5], %b: f32[2,3001], %c: bf16[130,33], %d: f32[4,3,2,2]) ->
    (f32[3,70,5,4], f32[2,3001,3], bf16[130,33,2], f32[4,3,2,5,2,3]) {
  %p = broadcast_in_dim %a {broadcast_dimensions = [0, 1, 2]} : f32[3,70,5,4]
  %q = broadcast_in_dim %b {broadcast_dimensions = [0, 1]} : f32[2,3001,3]
  %r = broadcast_in_dim %c {broadcast_dimensions = [0, 1]} : bf16[130,33,2]
  %s = broadcast_in_dim %d {broadcast_dimensions = [0, 1, 2, 4]} : f32[4,3,2,5,2,3]
  return %p, %q, %r, %s
}
