ts_unit_test(report_invariants LINK report machine arch base)
