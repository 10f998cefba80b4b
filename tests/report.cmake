ts_unit_test(report_invariants LINK report compiler clock machine arch base)
ts_unit_test(report_advice LINK report clock machine arch base)
ts_unit_test(report_match LINK report clock machine arch base)
