//: title a program of several partitions that is not cut yet
//: fails unsupported says how to cut it but is not cut yet
module @m {mhlo.num_partitions = 2}
func @main(%x: f32[4] {sdy.sharding = "split"}) -> (f32[4]) {
  %y = add %x, %x
  return %y
}
