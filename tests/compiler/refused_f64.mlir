//: title doubles have no datapath
//: fails unsupported has no datapath for f64
func @main(%x: f64[3]) -> (f64[3]) {
  %y = add %x, %x
  return %y
}
