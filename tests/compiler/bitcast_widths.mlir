//: title bits under another width: joined, split, and predicates as themselves
//: in 0 = 1 2 0 128 255 255 255 255
//: in 1 = 16909060 -1
//: in 2 = 1 0 1
//: out 0 = 2147484161 4294967295
//: out 1 = 4 3 2 1 -1 -1 -1 -1
//: out 2 = 513 -32768 -1 -1
//: out 3 = 1 0 1
func @main(%a: u8[2,4], %b: i32[2], %p: i1[3]) -> (u32[2], i8[2,4], i16[4], i1[3]) {
  %w = bitcast_convert %a : u32[2]
  %x = bitcast_convert %b : i8[2,4]
  %s = reshape %a : u8[4,2]
  %y = bitcast_convert %s : i16[4]
  %z = bitcast_convert %p : i1[3]
  return %w, %x, %y, %z
}
