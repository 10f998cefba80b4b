/* Operands of recorded instructions. Recorded programs have no loops: every count and offset is a constant.
 */
#ifndef TS_NKI_OPERANDS_H
#define TS_NKI_OPERANDS_H

#include "arch/isa.h"

static inline bool ts_operand_is_tile(const ts_ap *ap) {
    return ap->space == ts_space_sbuf || ap->space == ts_space_psum;
}
/* Same elements in the same order, of whatever dtype. */
bool ts_operand_same(const ts_ap *a, const ts_ap *b);
int64_t ts_operand_elems(const ts_ap *ap);
/* The one place that the instruction writes; NULL when it has no dst. */
ts_ap *ts_operand_dst(ts_inst *inst);
/* Two instructions that make the same value wherever each puts it, if their operands hold the same. */
bool ts_inst_computes_same(ts_inst *a, ts_inst *b);

#endif
