//: title reductions that keep the contiguous axis: lanes take rows, which are turned then
//: random 3
//: after lower has 7 tensor turned
//: close 1e-5 0
//: reference
func @main(%a: f32[1000,70], %b: bf16[3,256,40], %c: i32[250,77], %d: i8[264,130], %e: f32[48,30,33], %f: i32[131,150], %g: u8[2,90,200], %h: f32[64,512]) ->
    (f32[70], bf16[3,40], i32[77], i8[130], f32[33], i32[150], u8[2,200], f32[512]) {
  %za = constant -inf : f32[]
  %ra = reduce %a, %za {dimensions = [0]} : f32[70] (%pa: f32[], %qa: f32[]) {
    %sa = maximum %pa, %qa : f32[]
    return %sa
  }
  %zb = constant inf : bf16[]
  %rb = reduce %b, %zb {dimensions = [1]} : bf16[3,40] (%pb: bf16[], %qb: bf16[]) {
    %sb = minimum %pb, %qb : bf16[]
    return %sb
  }
  %zc = constant -2147483648 : i32[]
  %rc = reduce %c, %zc {dimensions = [0]} : i32[77] (%pc: i32[], %qc: i32[]) {
    %sc = maximum %pc, %qc : i32[]
    return %sc
  }
  %zd = constant 127 : i8[]
  %rd = reduce %d, %zd {dimensions = [0]} : i8[130] (%pd: i8[], %qd: i8[]) {
    %sd = minimum %pd, %qd : i8[]
    return %sd
  }
  %ze = constant 1.0 : f32[]
  %re = reduce %e, %ze {dimensions = [0,1]} : f32[33] (%pe: f32[], %qe: f32[]) {
    %se = multiply %pe, %qe : f32[]
    return %se
  }
  %zf = constant 0 : i32[]
  %rf = reduce %f, %zf {dimensions = [0]} : i32[150] (%pf: i32[], %qf: i32[]) {
    %sf = add %pf, %qf : i32[]
    return %sf
  }
  %zg = constant 0 : u8[]
  %rg = reduce %g, %zg {dimensions = [1]} : u8[2,200] (%pg: u8[], %qg: u8[]) {
    %sg = maximum %pg, %qg : u8[]
    return %sg
  }
  %zh = constant 0.25 : f32[]
  %rh = reduce %h, %zh {dimensions = [0]} : f32[512] (%ph: f32[], %qh: f32[]) {
    %sh = maximum %ph, %qh : f32[]
    return %sh
  }
  return %ra, %rb, %rc, %rd, %re, %rf, %rg, %rh
}
