//: title a batch norm whose scale is not of the features is refused
//: fails input scale is f32[3] and must be f32[4]
func @main(%x: f32[2,4], %scale: f32[3], %offset: f32[4]) -> (f32[2,4]) {
  %y, %m, %v = batch_norm_training %x, %scale, %offset {epsilon = 1.0e-5, feature_index = 1} : f32[2,4], f32[4], f32[4]
  return %y
}
