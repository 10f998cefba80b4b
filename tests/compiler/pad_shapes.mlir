//: title padding outside, inside and negative, of every width
//: random 9
//: reference
func @main(%a: f32[129], %b: i32[5,7], %c: bf16[3,2,4], %z: f32[], %i: i32[], %h: bf16[], %e: u8[0,3], %u: u8[], %p: i1[9], %t: i1[]) ->
    (f32[140], f32[257], f32[121], i32[12,5], i32[3,17], bf16[6,1,12], u8[4,5], i1[13], f32[2], f32[257], i32[0,7]) {
  %r0 = pad %a, %z {edge_padding_low = [4], edge_padding_high = [7], interior_padding = [0]} : f32[140]
  %r1 = pad %a, %z {edge_padding_low = [0], edge_padding_high = [0], interior_padding = [1]} : f32[257]
  %r2 = pad %a, %z {edge_padding_low = [-3], edge_padding_high = [-5], interior_padding = [0]} : f32[121]
  %r3 = pad %b, %i {edge_padding_low = [2, -1], edge_padding_high = [1, -1], interior_padding = [1, 0]} : i32[12,5]
  %r4 = pad %b, %i {edge_padding_low = [-1, -1], edge_padding_high = [-1, -1], interior_padding = [0, 2]} : i32[3,17]
  %r5 = pad %c, %h {edge_padding_low = [1, 0, -2], edge_padding_high = [2, -1, 4], interior_padding = [0, 0, 2]} : bf16[6,1,12]
  %r6 = pad %e, %u {edge_padding_low = [1, 1], edge_padding_high = [3, 1], interior_padding = [4, 0]} : u8[4,5]
  %r7 = pad %p, %t {edge_padding_low = [2], edge_padding_high = [2], interior_padding = [0]} : i1[13]
  %r8 = pad %a, %z {edge_padding_low = [-129], edge_padding_high = [2], interior_padding = [0]} : f32[2]
  %one = constant 1.0 : f32[]
  %r9 = pad %a, %one {edge_padding_low = [64], edge_padding_high = [64], interior_padding = [0]} : f32[257]
  %r10 = pad %b, %i {edge_padding_low = [-5, 0], edge_padding_high = [0, 0], interior_padding = [0, 0]} : i32[0,7]
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10
}
