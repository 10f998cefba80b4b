/* Parser of a constant's bytes in .trn text. */
#ifndef TS_ARCH_TRN_CONSTANT_H
#define TS_ARCH_TRN_CONSTANT_H

#include "arch/program.h"
#include "arch/trn_scan.h"

/* Reads `= {VALUE ...}` or `= hex "BYTES"` into a tensor whose dtype and size are known. */
ts_status ts_parse_constant(ts_scan *scan, ts_arena *arena, ts_tensor *tensor);

#endif
