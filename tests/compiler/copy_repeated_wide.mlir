//: title a 64-bit number that is repeated goes through DMA alone: no engine takes it
//: in 0 = 5000000000 -7
//: out 0 = 5000000000 5000000000 5000000000 5000000000 5000000000 5000000000 -7 -7 -7 -7 -7 -7
func @main(%x: i64[2]) -> (i64[2,6]) {
  %p = broadcast_in_dim %x {broadcast_dimensions = [0]} : i64[2,6]
  return %p
}
