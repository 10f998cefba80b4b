//: title one operation over every rank and size: scalars, nothing, single elements, ragged partitions
//: random 3
//: reference
func @main(%a: f32[], %b: f32[0], %c: f32[1], %d: f32[3,0,5], %e: f32[127], %f: f32[128], %g: f32[129,1], %h: f32[1,513],
           %i: f32[7,3,5], %j: f32[2,3,2,3,2], %k: f32[2,1,2,1,3,2,2,3], %l: f32[20011], %m: f32[129,4099]) ->
    (f32[], f32[0], f32[1], f32[3,0,5], f32[127], f32[128], f32[129,1], f32[1,513], f32[7,3,5], f32[2,3,2,3,2],
     f32[2,1,2,1,3,2,2,3], f32[20011], f32[129,4099]) {
  %a2 = add %a, %a
  %b2 = add %b, %b
  %c2 = add %c, %c
  %d2 = add %d, %d
  %e2 = add %e, %e
  %f2 = add %f, %f
  %g2 = add %g, %g
  %h2 = add %h, %h
  %i2 = add %i, %i
  %j2 = add %j, %j
  %k2 = add %k, %k
  %l2 = add %l, %l
  %m2 = add %m, %m
  return %a2, %b2, %c2, %d2, %e2, %f2, %g2, %h2, %i2, %j2, %k2, %l2, %m2
}
