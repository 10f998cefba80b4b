# The readers.
ts_unit_test(reader_damage LINK compiler)
ts_unit_test(reader_text LINK compiler)
ts_unit_test(reader_check LINK compiler)
# The compiler. Each file of tests/compiler is one test.
add_executable(compiler_runner unit/compiler_runner.c unit/compiler_reference.c unit/reference_window.c)
target_link_libraries(compiler_runner PRIVATE ts_compiler ts_machine)
function(ts_compiler_test)
  foreach(name IN LISTS ARGN)
    add_test(NAME compiler/${name} COMMAND compiler_runner ${CMAKE_CURRENT_SOURCE_DIR}/compiler/${name}.mlir)
    set_tests_properties(compiler/${name} PROPERTIES LABELS short)
  endforeach()
endfunction()
ts_compiler_test(dot_plain dot_batched window_padded window_running_i16
                 sort_total sort_keys sort_computed sort_unknown sort_not_strict narrow_indices)
ts_compiler_test(conv_same conv_strided conv_dilated conv_cut conv_grouped conv_depthwise conv_batch_grouped conv_weight_gradient
  conv_split conv_split_image conv_line conv_volume conv_prime conv_bf16 conv_wide conv_no_window conv_empty conv_integer
  window_dilated window_i32 window_max window_max_planes window_product window_start
  running_i32 running_narrow running_max_reversed running_sum select_first select_full select_integer select_last select_overlap select_pool)
# Operations, one class a file, over odd shapes and every type.
ts_compiler_test(
  cast_all cast_matmult cast_turned fp8_products fp8_storage
  clamp_bounds compare_bf16 compare_f32 compare_i16 compare_i32 compare_i8 compare_u16 compare_u32 compare_u8
  convert_chain convert_from_bytes convert_from_floats convert_from_halves convert_from_words
  fuse_gpsimd pointwise_bf16 pointwise_bits_i16 pointwise_bits_i32 pointwise_bits_i8 pointwise_bits_u16 pointwise_bits_u32
  pointwise_bits_u8 pointwise_columns pointwise_f16 pointwise_f32 pointwise_function_edges pointwise_functions
  pointwise_i32 pointwise_long_chain pointwise_negate pointwise_numbers pointwise_numbers_narrow pointwise_power pointwise_predicates pointwise_remainder
  pointwise_shapes pointwise_u32 reduce_precision_halves reduce_precision_powers select_nan select_shapes shift_by_number)
ts_compiler_test(
  argmax_shapes argmax_ties concatenate_shapes constants_dense pad_shapes reduce_axes reduce_columns reduce_edges reduce_long
  reduce_narrow transpose_copies
  reduce_of_views reduce_operators reduce_unknown results_shared view_broadcasts view_iotas view_reshapes view_slices
  view_transposes)
ts_compiler_test(
  conv_images conv_readers dot_depth_panels dot_layout dot_readers dot_scores dot_update recompute_leaf fuse_column_sums fuse_row_statistics fuse_rows fuse_steps fuse_softmax
  recompute_activation dot_batches dot_bf16 dot_bf16_rounded dot_empty dot_nonfinite dot_f16 dot_integer_limits dot_integers dot_of_views dot_ragged dot_single dot_turned
  dynamic_slices dynamic_updates gather_along_axis gather_rows gather_windows refused_cholesky refused_complex
  refused_f64 scatter_add_f32 scatter_add_i32 scatter_embedding scatter_infinite scatter_max_f32 scatter_min_i32
  scatter_multiply_i16 scatter_set_f32 scatter_set_u8 scatter_unknown scatter_windows)
ts_compiler_test(
  fold_converts fold_dead fold_divide fold_equal fold_floats fold_integers fold_neutral fold_not_neutral
  fold_reduce_of_one fold_turned_dot inline_barrier inline_calls)
# Accuracy of elementwise functions, and the page that states it.
add_executable(compiler_accuracy unit/compiler_accuracy.c)
target_link_libraries(compiler_accuracy PRIVATE ts_compiler ts_machine)
# Control flow.
ts_compiler_test(case_range control_deep if_nested while_counted while_data while_down while_half_made while_moves while_nested
                 while_none while_overwritten while_slots while_wrapped)
add_test(NAME unit/compiler_accuracy COMMAND compiler_accuracy ${CMAKE_SOURCE_DIR}/docs/accuracy.md)
if(NOT TS_SANITIZE) # the same code as above on more points
  add_test(NAME unit/compiler_accuracy_dense COMMAND compiler_accuracy --dense)
  set_tests_properties(unit/compiler_accuracy_dense PROPERTIES LABELS medium RUN_SERIAL ON TIMEOUT 900)
endif()
set_tests_properties(unit/compiler_accuracy PROPERTIES LABELS short)
# Operations that others compute.
ts_compiler_test(bitcast_widths qr_factor reduce_functions static_sizes wide_arithmetic wide_converts wide_loop wide_moves
  wide_shifts window_functions window_pairs)
