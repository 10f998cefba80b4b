//: title the sum of everything that a trip's product computes goes into its slot of what the loop stacks
//: in 0 = 1
//: in 1 = 1
//: out 0 = 4194304 8388608 16777216
func @main(%x: f32[128,128], %w: f32[128,256]) -> (f32[3]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %three = constant 3 : i32[]
  %none = constant 0.0 : f32[]
  %empty = broadcast_in_dim %none {broadcast_dimensions = []} : f32[3]
  %n, %a, %all = while %zero, %x, %empty : i32[], f32[128,128], f32[3] (%i: i32[], %s: f32[128,128], %l: f32[3]) {
    %is = compare LT %i, %three {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %s2: f32[128,128], %l2: f32[3]) {
    %y = dot_general %s2, %w {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : f32[128,256]
    %sum = reduce %y, %none {dimensions = [0, 1]} : f32[] (%p: f32[], %q: f32[]) {
      %c = add %p, %q
      return %c
    }
    %row = reshape %sum : f32[1]
    %stacked = dynamic_update_slice %l2, %row, %i2 : f32[3]
    %double = add %s2, %s2 : f32[128,128]
    %next = add %i2, %one : i32[]
    return %next, %double, %stacked
  }
  return %all
}
