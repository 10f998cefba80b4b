//: title collectives in a loop that counts, on slices of what lies there, and in one that data end
//: in 0 of 0 = 1..6
//: in 0 of 1 = 11..16
//: in 1 = 1
//: out 0 = 12 14 16 18 20 22
//: out 1 of 0 = 128 256
//: out 1 of 1 = 129 257
//: out 2 of 0 = 1 2
//: out 2 of 1 = 13 14
module @m {mhlo.num_partitions = 2}
func @main(%x: f32[3,2], %y: f32[2]) -> (f32[3,2], f32[2], f32[1,2]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %three = constant 3 : i32[]
  %sums = broadcast_in_dim %zero {broadcast_dimensions = []} : i32[3,2]
  %empty = convert %sums : f32[3,2]
  %n, %r0 = while %zero, %empty : i32[], f32[3,2] (%i: i32[], %acc: f32[3,2]) {
    %more = compare LT %i, %three
    return %more
  } (%j: i32[], %old: f32[3,2]) {
    %row = dynamic_slice %x, %j, %zero {slice_sizes = [1, 2]} : f32[1,2]
    %sum = all_reduce %row {replica_groups = [[0, 1]], channel_id = 1, use_global_device_ids = true} : f32[1,2] (%a: f32[], %b: f32[]) {
      %c = add %a, %b
      return %c
    }
    %new = dynamic_update_slice %old, %sum, %j, %zero : f32[3,2]
    %k = add %j, %one
    return %k, %new
  }
  %rank = partition_id : u32[]
  %own = convert %rank : f32[]
  %limit = constant 128.0 : f32[]
  %powers = constant [1.0, 2.0] : f32[2]
  %start = multiply %y, %powers
  %r = while %start : f32[2] (%v: f32[2]) {
    %first = slice %v {start_indices = [0], limit_indices = [1], strides = [1]} : f32[1]
    %word = reshape %first : f32[]
    %go = compare LT %word, %limit
    return %go
  } (%u: f32[2]) {
    %twice = all_reduce %u {replica_groups = [[0, 1]], channel_id = 1, use_global_device_ids = true} : f32[2] (%d: f32[], %e: f32[]) {
      %f = add %d, %e
      return %f
    }
    return %twice
  }
  %owns = broadcast_in_dim %own {broadcast_dimensions = []} : f32[2]
  %r1 = add %r, %owns
  %none = convert %zero : u32[]
  %r2 = dynamic_slice %x, %rank, %none {slice_sizes = [1, 2]} : f32[1,2]
  return %r0, %r1, %r2
}
