//: title calls of the host, which adds its number to the bytes it gets: kept with the loop and the branch around them, results packed one after the other, and nobody's call dropped or joined with an equal one
//: after fold has 2 "11"
//: after fold has 1 "12"
//: after fold has 1 "13 once"
//: after fold lacks "14"
//: after lower has 2 sync.host_call id=11 src=hbm.u8[
//: in 0 = 1 2 3 4
//: in 1 = 1
//: out 0 = 11 12 13 14
//: out 1 = 11 12
//: out 2 = 12 13
//: out 3 = 2 3
func @main(%x: u8[4], %p: i32[]) -> (u8[4], u8[2], u8[2], u8[2]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  custom_call %x {call_target_name = "trainstone_host_call", backend_config = "11", has_side_effect = true}
  custom_call %x {call_target_name = "trainstone_host_call", backend_config = "11", has_side_effect = true}
  %n = while %zero : i32[] (%i: i32[]) {
    %is = compare LT %i, %p {compare_type = SIGNED} : i1[]
    return %is
  } (%j: i32[]) {
    custom_call %j {call_target_name = "trainstone_host_call", backend_config = "12", has_side_effect = true}
    case %p (){
      return
    } () {
      custom_call {call_target_name = "trainstone_host_call", backend_config = "13 once", has_side_effect = true}
      return
    }
    %k = add %j, %one : i32[]
    return %k
  }
  %dead = custom_call %x {call_target_name = "trainstone_host_call", backend_config = "14"} : u8[4]
  %a, %b = custom_call %x {call_target_name = "trainstone_host_call", backend_config = "10"} : u8[4], u8[2]
  %c, %d = custom_call %b, %x {call_target_name = "trainstone_host_call", backend_config = "1"} : u8[2], u8[2]
  return %a, %b, %c, %d
}
