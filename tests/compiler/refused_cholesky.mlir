//: title an operation without lowering is refused by name
//: fails unsupported stablehlo.cholesky
func @main(%x: f16[3,3]) -> (f16[3,3]) {
  %y = cholesky %x {lower = true} : f16[3,3]
  return %y
}
