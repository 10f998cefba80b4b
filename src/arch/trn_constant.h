/* The bytes of a constant in .trn text. */
#ifndef TS_ARCH_TRN_CONSTANT_H
#define TS_ARCH_TRN_CONSTANT_H

#include "arch/program.h"
#include "arch/trn_scan.h"

/* `= {VALUE ...}` or `= hex "BYTES"` for a tensor whose dtype and bytes are known. */
ts_status ts_parse_constant(ts_scan *scan, ts_arena *arena, ts_tensor *tensor);

#endif
