//: title logic of predicates, computed and given
//: in 0 = 0 0 1 1
//: in 1 = 0 1 0 1
//: reference
func @main(%x: i1[129], %y: i1[129]) -> (i1[129], i1[129], i1[129], i1[129], i1[129], i1[129], i1[129]) {
  %and = and %x, %y
  %or = or %x, %y
  %xor = xor %x, %y
  %not = not %x
  %both = not %and
  %equal = compare EQ %x, %y : i1[129]
  %less = compare LT %x, %y : i1[129]
  return %and, %or, %xor, %not, %both, %equal, %less
}
