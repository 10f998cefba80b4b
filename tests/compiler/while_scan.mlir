//: title a scan's weights are loaded once, and what it stacks goes to HBM from the tiles that have it
//: random 1
//: after place has 1 src=hbm.f32[argument1
//: after place has 1 src=hbm.f32[while.6
//: after place has 1 src=hbm.f32[while.7
//: clock 78
func @main(%x: f32[8,64,128], %w: f32[128,128], %start: f32[64,128], %none: f32[8,64,128], %sum: f32[128,128]) -> (f32[64,128], f32[8,64,128], f32[8,64,128], f32[128,128]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %eight = constant 8 : i32[]
  %n, %last, %before, %after, %total = while %zero, %start, %none, %none, %sum : i32[], f32[64,128], f32[8,64,128], f32[8,64,128], f32[128,128] (%i: i32[], %h: f32[64,128], %b: f32[8,64,128], %a: f32[8,64,128], %s: f32[128,128]) {
    %is = compare LT %i, %eight {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %h2: f32[64,128], %b2: f32[8,64,128], %a2: f32[8,64,128], %s2: f32[128,128]) {
    %row = dynamic_slice %x, %i2, %zero, %zero {slice_sizes = [1, 64, 128]} : f32[1,64,128]
    %now = reshape %row : f32[64,128]
    %product = dot_general %h2, %w {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[64,128]
    %added = add %product, %now : f32[64,128]
    %new = tanh %added : f32[64,128]
    %gradient = dot_general %h2, %new {lhs_batching_dimensions = [], rhs_batching_dimensions = [], lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]} : f32[128,128]
    %more = add %s2, %gradient : f32[128,128]
    %old = reshape %h2 : f32[1,64,128]
    %stacked_old = dynamic_update_slice %b2, %old, %i2, %zero, %zero : f32[8,64,128]
    %fresh = reshape %new : f32[1,64,128]
    %stacked = dynamic_update_slice %a2, %fresh, %i2, %zero, %zero : f32[8,64,128]
    %next = add %i2, %one : i32[]
    return %next, %new, %stacked_old, %stacked, %more
  }
  %r0 = add %last, %last : f32[64,128]
  %r1 = add %before, %before : f32[8,64,128]
  %r2 = add %after, %after : f32[8,64,128]
  %r3 = add %total, %total : f32[128,128]
  return %r0, %r1, %r2, %r3
}
