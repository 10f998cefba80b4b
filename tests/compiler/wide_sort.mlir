//: title sort by 64-bit integers, signed and not, beside another key; others follow
//: in 0 = 705032704 1 4294967295 4294967295 4294967295 0 0 0 705032704 1 4294967295 4294967294 4294967295 4294967295 1 0 705032704 0
//: in 1 = 1 2 3 4 0 6 1 8 9
//: in 2 = 10 0 4294967276 4294967295 30 0 705032705 1 50 0 4294967236 4294967295 70 0 80 0 90 0
//: in 3 = 705032704 1 4294967295 4294967295 4294967295 0 0 0 705032704 1 4294967295 4294967294 4294967295 4294967295 1 0 705032704 0
//: out 0 = 4294967295 4294967294 4294967295 4294967295 4294967295 4294967295 0 0 1 0 705032704 0 4294967295 0 705032704 1 705032704 1
//: out 1 = 6 2 1 4 8 9 3 1 0
//: out 2 = 4294967236 4294967295 4294967276 4294967295 70 0 705032705 1 80 0 90 0 30 0 10 0 50 0
//: out 3 = 4294967295 4294967295 4294967295 4294967295 4294967295 4294967294 705032704 1 705032704 1 4294967295 0 705032704 0 1 0 0 0
//: out 4 = 1 6 5 0 4 2 8 7 3
func @main(%k_w: u32[9,2], %p: i32[9], %v_w: u32[9,2], %q_w: u32[9,2]) ->
    (u32[9,2], i32[9], u32[9,2], u32[9,2], i32[9]) {
  %k = bitcast_convert %k_w : i64[9]
  %v = bitcast_convert %v_w : i64[9]
  %q = bitcast_convert %q_w : u64[9]
  %r0, %r1, %r2 = sort %k, %p, %v {dimension = 0, is_stable = true} : i64[9], i32[9], i64[9]
      (%a: i64[], %b: i64[], %c: i32[], %d: i32[], %e: i64[], %f: i64[]) {
    %v0 = compare LT %a, %b {compare_type = SIGNED}
    %v1 = compare EQ %a, %b {compare_type = SIGNED}
    %v2 = compare GT %c, %d {compare_type = SIGNED}
    %v3 = and %v1, %v2
    %v4 = or %v0, %v3
    return %v4
  }
  %n = iota {iota_dimension = 0} : i32[9]
  %r3, %r4 = sort %q, %n {dimension = 0, is_stable = true} : u64[9], i32[9]
      (%g: u64[], %h: u64[], %i: i32[], %j: i32[]) {
    %w0 = compare GT %g, %h {compare_type = UNSIGNED}
    return %w0
  }
  %r0_w = bitcast_convert %r0 : u32[9,2]
  %r2_w = bitcast_convert %r2 : u32[9,2]
  %r3_w = bitcast_convert %r3 : u32[9,2]
  return %r0_w, %r1, %r2_w, %r3_w, %r4
}
