/* The structure of a program: the conditions under which any code can walk it safely. */
#ifndef TS_ARCH_STRUCTURE_H
#define TS_ARCH_STRUCTURE_H

#include "arch/program.h"

/* Checks that every index is in range, loops nest properly, tensors are consistent, enumerations are known,
   and locations' callers form no cycle. ts_input otherwise. Limits of the chip are checked by verify.c. */
ts_status ts_program_check(const ts_program *program, ts_diag *diag);

/* Fills the diag's op and place from an instruction and its location. */
void ts_diag_inst(ts_diag *diag, const ts_program *program, const ts_inst *inst);

#endif
