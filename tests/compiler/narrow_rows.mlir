//: title sorts and sums by scatter of 64-bit integers that fit 32 bits become those
//: in 0 = 3 1 -2 0 9
//: out 0 = 4 2 0 4
//: out 1 = 0 0 1 3 3
//: out 2 = 2 3 1 0 4
//: after narrow lacks i64
func @main(%x: i32[5]) -> (i32[4], i32[5], i32[5]) {
  %least = constant 0 : i32[5]
  %most = constant 3 : i32[5]
  %near = clamp %least, %x, %most
  %at = convert %near : i64[5]
  %column = reshape %at : i64[5,1]
  %zero = constant 0 : i64[4]
  %two = constant 2 : i64[5]
  %s = scatter %zero, %column, %two {update_window_dims = [], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
      index_vector_dim = 1} : i64[4] (%a: i64[], %b: i64[]) {
    %c = add %a, %b
    return %c
  }
  %n = iota {iota_dimension = 0} : i64[5]
  %k, %o = sort %at, %n {dimension = 0, is_stable = true} : i64[5], i64[5]
      (%d: i64[], %e: i64[], %f: i64[], %g: i64[]) {
    %v = compare LT %d, %e {compare_type = SIGNED}
    return %v
  }
  %r0 = convert %s : i32[4]
  %r1 = convert %k : i32[5]
  %r2 = convert %o : i32[5]
  return %r0, %r1, %r2
}
