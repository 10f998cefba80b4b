//: title rows of a reduction are stored where somebody reads them, and may be reduced from another value than 0
//: random 3
//: close 2e-6 1e-6
//: reference
//: after lower has 1 src=hbm.f32[argument0
func @main(%x: f32[5,1,130,7], %g: f32[7]) -> (f32[5,130], f32[5,1,130,7], f32[5,130]) {
  %start = constant 2.5 : f32[]
  %low = constant -inf : f32[]
  %n = constant 7.0 : f32[5,130]
  %sum = reduce %x, %start {dimensions = [3, 1]} : f32[5,130] (%a: f32[], %b: f32[]) {
    %s = add %a, %b : f32[]
    return %s
  }
  %mean = divide %sum, %n : f32[5,130]
  %means = broadcast_in_dim %mean {broadcast_dimensions = [0, 2]} : f32[5,1,130,7]
  %apart = subtract %x, %means : f32[5,1,130,7]
  %gain = broadcast_in_dim %g {broadcast_dimensions = [3]} : f32[5,1,130,7]
  %y = multiply %apart, %gain : f32[5,1,130,7]
  %most = reduce %y, %low {dimensions = [1, 3]} : f32[5,130] (%c: f32[], %d: f32[]) {
    %m = maximum %c, %d : f32[]
    return %m
  }
  return %mean, %y, %most
}
