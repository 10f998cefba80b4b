/* Kernels in a step: a recorded kernel before its tiles have addresses, as bytes that travel inside the
   step's StableHLO, and its instructions in the step's program. */
#ifndef TS_PLAN_KERNEL_H
#define TS_PLAN_KERNEL_H

#include "plan/builder.h"

/* The container: "NKI" and 0x1a, version, number of tiles, bytes of the program; a row for each tile; the
   program in the container of docs/trn.md. Numbers are little-endian. malloc'ed. */
ts_status ts_kernel_encode(const ts_builder *kernel, uint8_t **data, size_t *size, ts_diag *diag);
/* Trusts nothing: what passes has no loops or semaphores, and every operand on chip lies in its tile. The
   builder's program is the caller's to free, also on failure when it is not NULL. */
ts_status ts_kernel_decode(const uint8_t *data, size_t size, const ts_chip *chip, ts_builder *kernel,
                           ts_diag *diag);

/* The kernel's tensor that is input or output `number`; NULL when there is none. */
const ts_tensor *ts_kernel_tensor(const ts_program *kernel, ts_tensor_kind kind, uint32_t number);
/* 2 x multiply-adds of its products. */
uint64_t ts_kernel_flops(const ts_program *kernel);

/* Appends the kernel's instructions. inputs, outputs: the tensors that stand for the kernel's, by number.
   Source lines of the kernel are called from `loc`. */
void ts_kernel_splice(ts_builder *into, const ts_builder *kernel, const uint32_t *inputs,
                      const uint32_t *outputs, uint32_t loc);

#endif
