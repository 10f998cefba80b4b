//: title a scratch tensor that nothing reads goes with its stores, and with no others
//: clock 1000
func @main(%0: i32[37,2,3,8], %1: f8e5m2[0,513], %2: i32[], %3: i32[], %4: f16[5,16,5,2], %5: u8[5,3], %6: u32[1]) -> (u16[37,2,3,8], i32[0], f16[5,0,3,2]) {
  %39 = constant 0.0 : f16[]
  %41 = constant 513 : i32[]
  %42 = constant 0 : i32[]
  %43 = convert %0 : u16[37,2,3,8]
  %44 = convert %1 : u8[0,513]
  %48 = compare LT %3, %42 {compare_type = SIGNED} : i1[]
  %49 = add %3, %41 : i32[]
  %50 = select %48, %49, %3 : i32[]
  %51 = dynamic_slice %44, %2, %50 {slice_sizes = [0, 170]} : u8[0,170]
  %53 = constant 255 : u8[]
  %54 = iota {iota_dimension = 1} : i32[0,170]
  %55, %56 = reduce %51, %54, %53, %42 {dimensions = [1]} : u8[0], i32[0] (%57: u8[], %58: i32[], %59: u8[], %60: i32[]) {
    %61 = compare LT %57, %59 {compare_type = UNSIGNED} : i1[]
    %62 = compare NE %57, %57 {compare_type = UNSIGNED} : i1[]
    %63 = or %61, %62 : i1[]
    %64 = compare EQ %57, %59 {compare_type = UNSIGNED} : i1[]
    %65 = compare LT %58, %60 {compare_type = SIGNED} : i1[]
    %66 = and %64, %65 : i1[]
    %67 = or %63, %66 : i1[]
    %68 = select %63, %57, %59 : u8[]
    %69 = select %67, %58, %60 : i32[]
    return %68, %69
  }
  %85 = constant -0.2194 : f16[5,5]
  %71 = scatter %4, %5, %85 {index_vector_dim = 1, input_batching_dims = [0], inserted_window_dims = [1, 3], scatter_dims_to_operand_dims = [2, 3, 1], scatter_indices_batching_dims = [0], unique_indices = false, update_window_dims = [0]} : f16[5,16,5,2] (%72: f16[], %73: f16[]) {
    %74 = add %72, %73 : f16[]
    return %74
  }
  %76 = reduce_window %71, %39 {base_dilations = [1, 1, 1, 1], padding = [[0, 0], [1, 1], [1, 1], [0, 0]], window_dilations = [1, 3, 1, 1], window_dimensions = [1, 7, 5, 1], window_strides = [1, 1, 1, 1]} : f16[5,0,3,2] (%77: f16[], %78: f16[]) {
    %79 = add %77, %78 : f16[]
    return %79
  }
  %87 = constant -1.143 : f16[0,2]
  %81 = scatter %76, %6, %87 {index_vector_dim = 0, input_batching_dims = [], inserted_window_dims = [0, 2], scatter_dims_to_operand_dims = [0], scatter_indices_batching_dims = [], unique_indices = false, update_window_dims = [0, 1]} : f16[5,0,3,2] (%82: f16[], %83: f16[]) {
    %84 = multiply %82, %83 : f16[]
    return %84
  }
  return %43, %56, %81
}
