//: title elements of 64 bits are put together for a collective as words; exchanged twice they are where they were
//: in 0 of 0 = 0..2047
//: in 0 of 1 = -2047..0
//: out 0 of 0 = 0..2047
//: out 0 of 1 = -2047..0
//: after lower has 2 kind=all_to_all
//: after lower lacks sbuf.i64
module @m {mhlo.num_replicas = 2}
func @main(%x: i64[128,16]) -> (i64[128,16]) {
  %y = all_to_all %x {replica_groups = [[0, 1]], split_dimension = 1, concat_dimension = 1, split_count = 2} : i64[128,16]
  %z = all_to_all %y {replica_groups = [[0, 1]], split_dimension = 1, concat_dimension = 1, split_count = 2} : i64[128,16]
  return %z
}
