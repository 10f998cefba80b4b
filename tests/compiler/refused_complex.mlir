//: title complex numbers of two f64 have no datapath
//: fails unsupported use complex64 (jax_enable_x64 off)
func @main(%x: c128[3]) -> (c128[3]) {
  %y = multiply %x, %x
  return %y
}
