//: title 64-bit values move by halves; 64-bit indices beyond 32 bits clamp as their numbers do
//: in 0 = 1 10 2 20 3 30 4 40
//: in 1 = 5 1
//: in 2 = 4294967295 4294967295
//: in 3 = 2 0
//: in 4 = 10 20 30 40 50
//: in 5 = 1
//: out 0 = 4 40 3 30 2 20 1 10 7 0
//: out 1 = 40 50
//: out 2 = 10 20
//: out 3 = 30 40
//: out 4 = 3 30
//: out 5 = 1 10 9 0 3 30 4 40
//: out 6 = 2 20 9 0 4294967295 4294967295
//: out 7 = 4 0
func @main(%p: u32[4,2], %far: u32[2], %minus: u32[2], %two: u32[2], %x: f32[5], %yes: i1[]) ->
    (u32[5,2], f32[2], f32[2], f32[2], u32[1,2], u32[4,2], u32[3,2], u32[2]) {
  %v = bitcast_convert %p : i64[4]
  %i = bitcast_convert %far : i64[]
  %j = bitcast_convert %minus : i64[]
  %k = bitcast_convert %two : i64[]
  %r = reverse %v {dimensions = [0]} : i64[4]
  %seven = constant 7 : i64[1]
  %c = concatenate %r, %seven {dimension = 0} : i64[5]
  %o0 = bitcast_convert %c : u32[5,2]
  %o1 = dynamic_slice %x, %i {slice_sizes = [2]} : f32[2]
  %o2 = dynamic_slice %x, %j {slice_sizes = [2]} : f32[2]
  %o3 = dynamic_slice %x, %k {slice_sizes = [2]} : f32[2]
  %d = dynamic_slice %v, %k {slice_sizes = [1]} : i64[1]
  %o4 = bitcast_convert %d : u32[1,2]
  %nine = constant 9 : i64[1]
  %one = constant 1 : i32[]
  %u = dynamic_update_slice %v, %nine, %one : i64[4]
  %o5 = bitcast_convert %u : u32[4,2]
  %m = slice %v {start_indices = [1], limit_indices = [2], strides = [1]} : i64[1]
  %q = pad %m, %j {edge_padding_low = [0], edge_padding_high = [1], interior_padding = [0]} : i64[2]
  %n = concatenate %m, %nine {dimension = 0} : i64[2]
  %b = broadcast_in_dim %yes {broadcast_dimensions = []} : i1[2]
  %s = select %b, %n, %q : i64[2]
  %last = slice %q {start_indices = [1], limit_indices = [2], strides = [1]} : i64[1]
  %t = concatenate %s, %last {dimension = 0} : i64[3]
  %o6 = bitcast_convert %t : u32[3,2]
  %w = if %yes : i64[] () {
    %four = constant 4 : i64[]
    return %four
  } () {
    return %k
  }
  %o7 = bitcast_convert %w : u32[2]
  return %o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7
}
