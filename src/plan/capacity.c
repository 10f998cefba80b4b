/* Checks that a program's tensors fit the HBM of one NeuronCore. */
#include "arch/lifetime.h"
#include "plan/builder.h"

static uint64_t add(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Where the user's program makes the tensor: its own location or, without one, that of the first instruction
   that accesses it. */
static uint32_t loc_of(const ts_builder *b, uint32_t tensor) {
    if (b->tensor_locs.data[tensor]) return b->tensor_locs.data[tensor];
    for (uint32_t i = 0; i < b->program->code.count; i++) {
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(b->program->code.data[i], uses);
        for (int u = 0; u < count; u++)
            if (uses[u].ap->space == ts_space_hbm && uses[u].ap->tensor == tensor)
                return b->program->code.data[i]->loc;
    }
    return 0;
}

ts_status ts_plan_check_hbm(const ts_builder *b, ts_diag *diag) {
    const ts_program *program = b->program;
    uint64_t total = program->scratch_bytes, capacity = (uint64_t)(b->chip->hbm_bytes / b->chip->cores);
    uint32_t largest = 0;
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        if (tensor->kind != ts_tensor_scratch) total = add(total, tensor->bytes);
        if (tensor->bytes > program->tensors.data[largest].bytes) largest = i;
    }
    if (total <= capacity) return ts_ok;
    const ts_tensor *tensor = &program->tensors.data[largest];
    const double gib = 1024.0 * 1024 * 1024;
    ts_fail(
        diag, ts_capacity,
        "arguments, results and scratch need %.2f GiB of HBM; a NeuronCore of %s has %.2f GiB (the largest "
        "tensor, %s, takes %.2f GiB)",
        (double)total / gib, b->chip->name, (double)capacity / gib, tensor->name,
        (double)tensor->bytes / gib);
    const ts_loc *loc = &program->locs.data[loc_of(b, largest)];
    ts_diag_op(diag, tensor->name);
    if (loc->file[0]) ts_diag_where(diag, loc->file, (int)loc->line);
    ts_diag_remedy(
        diag,
        "use a smaller batch or model, or split it over more NeuronCores; to see its time all the same, "
        "give --chip a file with a larger hbm_bytes");
    return ts_capacity;
}
