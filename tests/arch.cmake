ts_unit_test(arch_dtype LINK arch base)
ts_unit_test(arch_overlap LINK arch base)
ts_unit_test(arch_text LINK arch base)
ts_unit_test(arch_verify LINK arch base)
