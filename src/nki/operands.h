/* Operands of recorded instructions. Recorded programs have no loops, so all counts and offsets are
   constants. */
#ifndef TS_NKI_OPERANDS_H
#define TS_NKI_OPERANDS_H

#include "arch/isa.h"

static inline bool ts_operand_is_tile(const ts_ap *ap) {
    return ap->space == ts_space_sbuf || ap->space == ts_space_psum;
}
/* Whether two operands are the same elements in the same order, whatever their dtypes. */
bool ts_operand_same(const ts_ap *a, const ts_ap *b);
/* Number of elements over all partitions. */
int64_t ts_operand_elems(const ts_ap *ap);
/* The dst of the instruction; NULL when it has none. */
ts_ap *ts_operand_dst(ts_inst *inst);
/* Whether two instructions compute the same value, wherever each writes it, provided that their operands hold
   the same values. */
bool ts_inst_computes_same(ts_inst *a, ts_inst *b);

#endif
