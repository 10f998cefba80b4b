# The functional machine. Each file of tests/isa is one test; the coverage test wants every row of isa.def there.
add_executable(isa_runner unit/isa_runner.c)
target_link_libraries(isa_runner PRIVATE ts_machine)
set(TS_ISA_FILES)
foreach(name
        check_clean check_nan check_nan_input check_overflow check_rounding check_unset check_wide
        activation activation_reduce activation_scale activation_sin activation_units affine_select alu_bits gpsimd_fold_angle alu_floats alu_ints alu_pow dma_add dma_cast dma_copy
        dma_gather dma_oob_far dma_oob_high dma_oob_low dma_oob_skip iota leave loops memset nc_matmul nc_matmul_fused nc_matmul_narrow nc_matmul_onezero nc_matmul_double_row range_select nonzero_with_count
        nc_transpose nc_transpose_halves overlap reciprocal scalar_tensor_tensor tensor_copy tensor_copy_halves tensor_copy_predicated tensor_reduce
        tensor_reduce_long tensor_scalar tensor_tensor_scan stochastic select_reduce tensor_partition_reduce
        tensor_scalar_cumulative tensor_scalar_reduce vector_flags nc_stream_shuffle max8 nc_find_index8 nc_match_replace8
        bn_stats local_gather nc_n_gather nc_n_gather_range sequence_bounds rng dropout leave_counter event_semaphore core_signal core_signal_older collective host_call host_call_fails host_call_dtype host_call_run host_call_sbuf gpsimd_rank exchange_alone exchange_cast
        semaphore_never semaphore_own semaphore_later semaphore_range semaphore_overflow semaphore_sources semaphore_transfer semaphore_leave races_wait races_loop races_none races_hbm)
  set(file ${CMAKE_CURRENT_SOURCE_DIR}/isa/${name}.trn)
  add_test(NAME isa/${name} COMMAND isa_runner ${file})
  set_tests_properties(isa/${name} PROPERTIES LABELS short)
  list(APPEND TS_ISA_FILES ${file})
endforeach()
add_test(NAME isa/coverage COMMAND isa_runner --coverage ${TS_ISA_FILES})
set_tests_properties(isa/coverage PROPERTIES LABELS short)
ts_unit_test(check_races LINK machine arch base)
ts_unit_test(machine_act LINK machine LABEL medium)
ts_unit_test(machine_hbm LINK machine)
ts_unit_test(machine_homes LINK machine)
ts_unit_test(machine_loads LINK machine)
ts_unit_test(machine_turned LINK machine)
ts_unit_test(machine_matmul LINK machine)
ts_unit_test(machine_alu LINK machine)
ts_unit_test(machine_deferred LINK machine)
ts_unit_test(machine_packed LINK machine)
ts_unit_test(machine_segment LINK machine)
ts_unit_test(machine_run LINK machine)
ts_unit_test(machine_stochastic LINK machine)
ts_unit_test(machine_through LINK machine)
ts_unit_test(machine_transfer LINK machine)
ts_unit_test(machine_meeting LINK machine)
ts_unit_test(machine_collective LINK machine)
ts_unit_test(machine_processes LINK machine)
ts_unit_test(machine_turn LINK machine)
