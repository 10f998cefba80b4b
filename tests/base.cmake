ts_unit_test(base_memory LINK base)
ts_unit_test(base_files LINK base)
ts_unit_test(base_pool LINK base)
