/* The structure of a program: what must hold for any code to walk it safely. */
#ifndef TS_ARCH_STRUCTURE_H
#define TS_ARCH_STRUCTURE_H

#include "arch/program.h"

/* Every index in range, loops well nested, tensors consistent, enumerations known, callers of locations
   without cycles. Limits of the chip are verify.c's business. */
ts_status ts_program_check(const ts_program *program, ts_diag *diag);

/* Fills diag's op and place from an instruction and its location. */
void ts_diag_inst(ts_diag *diag, const ts_program *program, const ts_inst *inst);

#endif
