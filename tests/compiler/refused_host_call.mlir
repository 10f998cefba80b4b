//: title a call of the host without a number is refused
//: fails input backend_config is no number: five
func @main(%x: u8[2]) -> (u8[2]) {
  custom_call %x {call_target_name = "trainstone_host_call", backend_config = "five", has_side_effect = true}
  return %x
}
