//: title a call once for all ranks is made by rank 0, whose results all have; the others are each rank's own
//: after lower has 1 is_once
//: after lower has 1 kind=broadcast
//: in 0 of 0 = 1 2
//: in 0 of 1 = 11 12
//: out 0 = 6 7
//: out 1 of 0 = 4 5
//: out 1 of 1 = 14 15
module @m {mhlo.num_partitions = 2}
func @main(%x: u8[2]) -> (u8[2], u8[2]) {
  %a = custom_call %x {call_target_name = "trainstone_host_call", backend_config = "5 once", has_side_effect = true} : u8[2]
  %b = custom_call %x {call_target_name = "trainstone_host_call", backend_config = "3", has_side_effect = true} : u8[2]
  return %a, %b
}
