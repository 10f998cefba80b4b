/* NKI kernels inside a step. A recorded kernel, whose tiles have no addresses yet, is encoded as bytes that
   travel in the step's StableHLO; later its instructions are spliced into the step's program. */
#ifndef TS_PLAN_KERNEL_H
#define TS_PLAN_KERNEL_H

#include "plan/builder.h"

/* Encodes a kernel: the bytes "NKI" and 0x1a, the version, the number of tiles, the size of the program, one
   row per tile, and the program in the format of docs/trn.md. Numbers are little-endian. The caller frees
   *data with free(). */
ts_status ts_kernel_encode(const ts_builder *kernel, uint8_t **data, size_t *size, ts_diag *diag);
/* Decodes and checks a kernel; the bytes are not trusted. A kernel that is accepted has no loops and no
   semaphores, and every operand in SBUF or PSUM lies in its tile. The caller frees kernel->program, also
   after a failure if it is not NULL. */
ts_status ts_kernel_decode(const uint8_t *data, size_t size, const ts_chip *chip, ts_builder *kernel,
                           ts_diag *diag);

/* The kernel's input or output with this number; NULL when there is none. */
const ts_tensor *ts_kernel_tensor(const ts_program *kernel, ts_tensor_kind kind, uint32_t number);
/* Floating-point operations of its matmuls: 2 for each multiply-add. */
uint64_t ts_kernel_flops(const ts_program *kernel);

/* Appends the kernel's instructions to `into`. inputs, outputs: the tensors of `into` that stand for the
   kernel's, by number. The kernel's source locations become callees of `loc`. */
void ts_kernel_splice(ts_builder *into, const ts_builder *kernel, const uint32_t *inputs,
                      const uint32_t *outputs, uint32_t loc);

#endif
