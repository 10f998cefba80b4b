ts_unit_test(plan_reside LINK plan)
