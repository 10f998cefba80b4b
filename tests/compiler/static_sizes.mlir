//: title sizes of dimensions, and what a program for one device knows of its place
//: in 0 = 1 2 3 4 5 6
//: out 0 = 3
//: out 1 = 0
//: out 2 = 0
//: out 3 = 1 2 3 4 5 6
func @main(%x: f32[2,3]) -> (i32[], u32[], u32[], f32[2,3]) {
  %n = get_dimension_size %x {dimension = 1} : i32[]
  %r = replica_id : u32[]
  %p = partition_id : u32[]
  %s = all_reduce %x {replica_groups = [[0]]} : f32[2,3] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  return %n, %r, %p, %s
}
