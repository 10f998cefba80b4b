//: title --auto-cast=all: values round to bf16, loops and reductions too; arguments, results and bits stay fp32
//: auto-cast all bf16
//: in 0 = 1.00390625 256 1.5 -3
//: in 1 = 1 1 0.00390625 1
//: after cast has 1 = convert %0 : bf16[4]
//: after cast lacks add %0
//: out 0 = 2 256 1.5 -2
//: out 1 = 256
//: out 2 = 1065385984 1132462080 1069547520 -1069547520
//: out 3 = 8 2048 12 -24
func @main(%x: f32[4], %y: f32[4]) -> (f32[4], f32[], i32[4], f32[4]) {
  %s = add %x, %y : f32[4]
  %zero = constant 0.0 : f32[]
  %r = reduce %x, %zero {dimensions = [0]} : f32[] (%a: f32[], %b: f32[]) {
    %c = add %a, %b
    return %c
  }
  %bits = bitcast_convert %x : i32[4]
  %none = constant 0 : i32[]
  %one = constant 1 : i32[]
  %three = constant 3 : i32[]
  %n, %last = while %none, %x : i32[], f32[4] (%i: i32[], %v: f32[4]) {
    %is = compare LT %i, %three {compare_type = SIGNED} : i1[]
    return %is
  } (%i2: i32[], %v2: f32[4]) {
    %next = add %i2, %one : i32[]
    %twice = add %v2, %v2 : f32[4]
    return %next, %twice
  }
  return %s, %r, %bits, %last
}
