ts_unit_test(plan_reside LINK plan)
ts_unit_test(plan_live LINK plan)
ts_unit_test(plan_kernel LINK plan)
ts_unit_test(plan_skew LINK plan clock machine)
