//: title control nests as deep as the loops of a program may
//: in 0 = 1
//: fails unsupported control flow nests more than 12 deep
func @main(%x: f32[4096,3]) -> (f32[4096,3]) {
  %zero = constant 0 : i32[]
  %one = constant 1 : i32[]
  %two = constant 2 : i32[]
  %n0, %r0 = while %zero, %x : i32[], f32[4096,3] (%i: i32[], %a: f32[4096,3]) {
    %is = compare LT %i, %two {compare_type = SIGNED} : i1[]
    return %is
  } (%i0: i32[], %a0: f32[4096,3]) {
    %n1, %r1 = while %zero, %a0 : i32[], f32[4096,3] (%i2: i32[], %a2: f32[4096,3]) {
      %is2 = compare LT %i2, %two {compare_type = SIGNED} : i1[]
      return %is2
    } (%i1: i32[], %a1: f32[4096,3]) {
      %n2, %r2 = while %zero, %a1 : i32[], f32[4096,3] (%i3: i32[], %a3: f32[4096,3]) {
        %is3 = compare LT %i3, %two {compare_type = SIGNED} : i1[]
        return %is3
      } (%i22: i32[], %a22: f32[4096,3]) {
        %n3, %r3 = while %zero, %a22 : i32[], f32[4096,3] (%i4: i32[], %a4: f32[4096,3]) {
          %is4 = compare LT %i4, %two {compare_type = SIGNED} : i1[]
          return %is4
        } (%i32: i32[], %a32: f32[4096,3]) {
          %n4, %r4 = while %zero, %a32 : i32[], f32[4096,3] (%i5: i32[], %a5: f32[4096,3]) {
            %is5 = compare LT %i5, %two {compare_type = SIGNED} : i1[]
            return %is5
          } (%i42: i32[], %a42: f32[4096,3]) {
            %n5, %r5 = while %zero, %a42 : i32[], f32[4096,3] (%i6: i32[], %a6: f32[4096,3]) {
              %is6 = compare LT %i6, %two {compare_type = SIGNED} : i1[]
              return %is6
            } (%i52: i32[], %a52: f32[4096,3]) {
              %n6, %r6 = while %zero, %a52 : i32[], f32[4096,3] (%i7: i32[], %a7: f32[4096,3]) {
                %is7 = compare LT %i7, %two {compare_type = SIGNED} : i1[]
                return %is7
              } (%i62: i32[], %a62: f32[4096,3]) {
                %n7, %r7 = while %zero, %a62 : i32[], f32[4096,3] (%i8: i32[], %a8: f32[4096,3]) {
                  %is8 = compare LT %i8, %two {compare_type = SIGNED} : i1[]
                  return %is8
                } (%i72: i32[], %a72: f32[4096,3]) {
                  %n8, %r8 = while %zero, %a72 : i32[], f32[4096,3] (%i9: i32[], %a9: f32[4096,3]) {
                    %is9 = compare LT %i9, %two {compare_type = SIGNED} : i1[]
                    return %is9
                  } (%i82: i32[], %a82: f32[4096,3]) {
                    %n9, %r9 = while %zero, %a82 : i32[], f32[4096,3] (%i10: i32[], %a10: f32[4096,3]) {
                      %is10 = compare LT %i10, %two {compare_type = SIGNED} : i1[]
                      return %is10
                    } (%i92: i32[], %a92: f32[4096,3]) {
                      %n10, %r10 = while %zero, %a92 : i32[], f32[4096,3] (%i11: i32[], %a11: f32[4096,3]) {
                        %is11 = compare LT %i11, %two {compare_type = SIGNED} : i1[]
                        return %is11
                      } (%i102: i32[], %a102: f32[4096,3]) {
                        %n11, %r11 = while %zero, %a102 : i32[], f32[4096,3] (%i12: i32[], %a12: f32[4096,3]) {
                          %is12 = compare LT %i12, %two {compare_type = SIGNED} : i1[]
                          return %is12
                        } (%i112: i32[], %a112: f32[4096,3]) {
                          %n12, %r12 = while %zero, %a112 : i32[], f32[4096,3] (%i13: i32[], %a13: f32[4096,3]) {
                            %is13 = compare LT %i13, %two {compare_type = SIGNED} : i1[]
                            return %is13
                          } (%i122: i32[], %a122: f32[4096,3]) {
                            %sum = add %a122, %a122 : f32[4096,3]
                            %u12 = add %i122, %one : i32[]
                            return %u12, %sum
                          }
                          %u11 = add %i112, %one : i32[]
                          return %u11, %r12
                        }
                        %u10 = add %i102, %one : i32[]
                        return %u10, %r11
                      }
                      %u9 = add %i92, %one : i32[]
                      return %u9, %r10
                    }
                    %u8 = add %i82, %one : i32[]
                    return %u8, %r9
                  }
                  %u7 = add %i72, %one : i32[]
                  return %u7, %r8
                }
                %u6 = add %i62, %one : i32[]
                return %u6, %r7
              }
              %u5 = add %i52, %one : i32[]
              return %u5, %r6
            }
            %u4 = add %i42, %one : i32[]
            return %u4, %r5
          }
          %u3 = add %i32, %one : i32[]
          return %u3, %r4
        }
        %u2 = add %i22, %one : i32[]
        return %u2, %r3
      }
      %u1 = add %i1, %one : i32[]
      return %u1, %r2
    }
    %u0 = add %i0, %one : i32[]
    return %u0, %r1
  }
  return %r0
}
