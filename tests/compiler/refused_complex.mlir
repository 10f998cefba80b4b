//: title complex numbers have no datapath
//: fails unsupported has no datapath for c64
func @main(%x: c64[3]) -> (c64[3]) {
  %y = multiply %x, %x
  return %y
}
