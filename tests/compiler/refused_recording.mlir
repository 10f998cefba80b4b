//: title a custom call of an NKI kernel that holds a damaged recording is refused by name
//: fails input it does not begin with NKI
func @main(%x: f32[3,3]) -> (f32[3,3]) {
  %y = custom_call %x {call_target_name = "AwsNeuronCustomNativeKernel", backend_config = "TktJAAAA"} : f32[3,3]
  return %y
}
