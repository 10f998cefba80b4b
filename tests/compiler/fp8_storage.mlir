//: title f8E4M3FN: moved as bytes, computed with as fp32, products as bf16; overflow gives NaN, 464 is a tie
//: in 0 = 0.0625 -448 2 nan 0.001953125 -0.0 17 240
//: in 1 = 448 464 465 1e9 -inf nan 0.0009765625 -0.0029296875
//: out 0 = 0.0625 -448 2 nan 0.001953125 -0.0 16 240
//: out 1 = 448 448 nan nan nan nan 0 -0.00390625
//: out 2 = 0.125 nan 4 nan 0.00390625 -0.0 32 nan
//: out 3 = 1 0 1 0 1 0 1 1
//: out 4 = 240 16 -0.0 0.001953125 nan 2 -448 0.0625
//: out 5 = 57600 3840 3840 256
//: out 6 = 240
//: after fp8 lacks : f8e4m3fn[2,2]
//: after lower has 1 nc_matmul
func @main(%x: f8e4m3fn[8], %y: f32[8]) ->
    (f32[8], f8e4m3fn[8], f8e4m3fn[8], i1[8], f8e4m3fn[8], f32[2,2], f8e4m3fn[]) {
  %wide = convert %x : f32[8]
  %narrow = convert %y : f8e4m3fn[8]
  %twice = add %x, %x : f8e4m3fn[8]
  %zero = constant 0x00 : f8e4m3fn[8]
  %is = compare GT %x, %zero : i1[8]
  %back = reverse %x {dimensions = [0]} : f8e4m3fn[8]
  %pair = slice %back {limit_indices = [2], start_indices = [0], strides = [1]} : f8e4m3fn[2]
  %column = reshape %pair : f8e4m3fn[2,1]
  %p = dot_general %column, %column {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1],
      lhs_batching_dimensions = [], rhs_batching_dimensions = []} : f32[2,2]
  %start = constant 0xfe : f8e4m3fn[]
  %most = reduce %pair, %start {dimensions = [0]} : f8e4m3fn[] (%a: f8e4m3fn[], %b: f8e4m3fn[]) {
    %c = maximum %a, %b
    return %c
  }
  return %wide, %narrow, %twice, %is, %back, %p, %most
}
