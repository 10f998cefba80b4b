//: title nearest resizing, up and down, by whole factors and not, and its gradients; an infinity stays where it is
//: in 0 = inf 6 3 2 10 9 5 4 1 0 8 7
//: in 1 = inf 4 8 12 5 9 0 4 10 1 5 9 2 6 10 1 7 11 2 6 12 3 7 11 3 7 11 2 8 12 3 7 0 4 8 12 5 9 0 4 10 1 5 9 2 6 10 1
//: in 2 = inf 5 3 1 10 8 6 4 2 0 9 7 3 1 10 8 6 4 2 0 9 7 5 3
//: in 3 = inf 5 10 2 7 12
//: in 4 = inf 6 5 4 3 2 1 0 10 9 8 7 3 2 1 0 10 9 8 7 6 5 4 3
//: in 5 = inf 12 11 5 4 3 10 9 8 2 1 0 7 6 5 10 9 8 2 1 0 7 6 5 12 11 10 4 3 2
//: in 6 = 7 3 10 6 2 9 5 1 8 4
//: in 7 = 0 5 10 2 7 12 4 9 1 6 11 3 8 0
//: in 8 = inf 5 3 1 3 1 10 8 10 8 6 4 6 4 2 0 2 0 9 7 9 7 5 3 10 8 6 4 6 4 2 0 2 0 9 7 9 7 5 3 5 3 1 10 1 10 8 6
//: in 9 = inf 12 5 4 10 9 2 1 7 6 11 10 3 2 8 7 0 12 5 4
//: out 0 = inf inf 6 6 inf inf 6 6 3 3 2 2 3 3 2 2 10 10 9 9 10 10 9 9 5 5 4 4 5 5 4 4 1 1 0 0 1 1 0 0 8 8 7 7 8 8 7 7
//: out 1 = inf 24 19 25 33 26 30 23 18 24 19 25
//: out 2 = inf 10 2 3 6 9
//: out 3 = inf 0 0 0 5 0 0 0 10 0 0 0 2 0 0 0 7 0 0 0 12 0 0 0
//: out 4 = inf 6 5 inf 6 5 3 2 1 3 2 1 10 9 8 3 2 1 3 2 1 10 9 8 10 9 8 6 5 4
//: out 5 = inf 16 14 0 12 10 8 0 7 6 5 0 12 10 8 0 19 17 15 0 4 3 2 0
//: out 6 = 7 7 3 10 10 6 2 9 9 5 1 1 8 4
//: out 7 = 5 10 9 12 4 10 6 14 8 0
//: out 8 = 5 1 1 8 4 0 0 7 7 3 8 4 4 0 7 3 3 10 10 6
//: out 9 = 0 inf 0 12 0 5 0 4 0 0 0 0 0 10 0 9 0 2 0 1 0 7 0 6 0 11 0 10 0 3 0 2 0 0 0 0 0 8 0 7 0 0 0 12 0 5 0 4
func @main(%x0: f32[2,3,2,1], %g0: f32[2,6,4,1], %x1: f32[2,6,2,1], %g1: f32[2,3,1,1], %x2: f32[2,3,4,1], %g2: f32[2,5,3,1], %x3: f32[2,1,5,1], %g3: f32[2,1,7,1], %x4: f32[2,6,4,1], %g4: f32[2,5,2,1]) ->
    (f32[2,6,4,1], f32[2,3,2,1], f32[2,3,1,1], f32[2,6,2,1], f32[2,5,3,1], f32[2,3,4,1], f32[2,1,7,1], f32[2,1,5,1], f32[2,5,2,1], f32[2,6,4,1]) {
  %y0 = custom_call %x0 {call_target_name = "ResizeNearest", backend_config = "00"} : f32[2,6,4,1]
  %d0 = custom_call %g0 {call_target_name = "ResizeNearestGrad", backend_config = "00"} : f32[2,3,2,1]
  %y1 = custom_call %x1 {call_target_name = "ResizeNearest", backend_config = "00"} : f32[2,3,1,1]
  %d1 = custom_call %g1 {call_target_name = "ResizeNearestGrad", backend_config = "00"} : f32[2,6,2,1]
  %y2 = custom_call %x2 {call_target_name = "ResizeNearest", backend_config = "00"} : f32[2,5,3,1]
  %d2 = custom_call %g2 {call_target_name = "ResizeNearestGrad", backend_config = "00"} : f32[2,3,4,1]
  %y3 = custom_call %x3 {call_target_name = "ResizeNearest", backend_config = "00"} : f32[2,1,7,1]
  %d3 = custom_call %g3 {call_target_name = "ResizeNearestGrad", backend_config = "00"} : f32[2,1,5,1]
  %y4 = custom_call %x4 {call_target_name = "ResizeNearest", backend_config = "01"} : f32[2,5,2,1]
  %d4 = custom_call %g4 {call_target_name = "ResizeNearestGrad", backend_config = "01"} : f32[2,6,4,1]
  return %y0, %d0, %y1, %d1, %y2, %d2, %y3, %d3, %y4, %d4
}
