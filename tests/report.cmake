ts_unit_test(report_invariants LINK report compiler machine arch base)
ts_unit_test(report_advice LINK report machine arch base)
