//: title an element of every row: batching axes, many rows, of one byte and of four
//: in 0 = 0..386
//: in 1 = 2 0 1
//: in 2 = 0..2
//: in 3 = 2 0 1
//: out 0 = 2 3 7 11 12 16 20 21 25 29 30 34 38 39 43 47 48 52 56 57 61 65 66 70 74 75 79 83 84 88 92 93 97 101 102 106 110 111 115 119 120 124 128 129 133 137 138 142 146 147 151 155 156 160 164 165 169 173 174 178 182 183 187 191 192 196 200 201 205 209 210 214 218 219 223 227 228 232 236 237 241 245 246 250 254 255 259 263 264 268 272 273 277 281 282 286 290 291 295 299 300 304 308 309 313 317 318 322 326 327 331 335 336 340 344 345 349 353 354 358 362 363 367 371 372 376 380 381 385
//: out 1 = 2 0 1 2 0 1 2 0 1
func @main(%x: f32[129,3], %i: i32[129,1], %b: u8[9,3], %j: i32[9,1]) -> (f32[129], u8[9]) {
  %r0 = gather %x, %i {offset_dims = [], collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0],
      start_index_map = [1], index_vector_dim = 1, slice_sizes = [1, 1]} : f32[129]
  %r1 = gather %b, %j {offset_dims = [], collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0],
      start_index_map = [1], index_vector_dim = 1, slice_sizes = [1, 1]} : u8[9]
  return %r0, %r1
}
