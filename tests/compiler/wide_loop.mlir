//: title a loop that carries 64-bit integers past 2^32, and counts with one
//: in 0 = 1 0
//: in 1 = 40 0
//: out 0 = 0 256
//: out 1 = 40 0
func @main(%p: u32[2], %q: u32[2]) -> (u32[2], u32[2]) {
  %x = bitcast_convert %p : i64[]
  %n = bitcast_convert %q : i64[]
  %zero = constant 0 : i64[]
  %a, %i, %m = while %x, %zero, %n : i64[], i64[], i64[] (%c: i64[], %k: i64[], %l: i64[]) {
    %t = compare LT %k, %l
    return %t
  } (%d: i64[], %j: i64[], %s: i64[]) {
    %one = constant 1 : i64[]
    %twice = add %d, %d
    %next = add %j, %one
    return %twice, %next, %s
  }
  %r = bitcast_convert %a : u32[2]
  %u = bitcast_convert %i : u32[2]
  return %r, %u
}
