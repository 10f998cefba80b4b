/* custom_call @AwsNeuronCustomNativeKernel: an NKI kernel that was recorded when the step was traced.
   backend_config holds the recording (plan/kernel.h) in base64. The call's operands are the kernel's inputs
   and its results the outputs, all contiguous in HBM. The kernel's tiles are placed together with those of
   the step. */
#include <stdlib.h>
#include <string.h>

#include "compiler/lower/lower.h"
#include "compiler/passes.h"
#include "plan/kernel.h"

bool ts_op_is_kernel(const ts_op_node *op) {
    return op->kind == ts_hlo_custom_call &&
           strcmp(ts_op_string(op, "call_target_name"), "AwsNeuronCustomNativeKernel") == 0;
}

/* The value of a base64 digit; -1 for other characters. */
static int digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Decodes base64 into the arena; NULL when the text is not base64. */
static uint8_t *decode(ts_arena *arena, const char *text, size_t *size) {
    size_t length = strlen(text);
    uint8_t *bytes = ts_arena_alloc(arena, length / 4 * 3 + 3);
    uint32_t held = 0;
    int bits = 0;
    *size = 0;
    while (length > 0 && text[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);
        if (value < 0) return NULL;
        held = held << 6 | (uint32_t)value;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes[(*size)++] = (uint8_t)(held >> bits);
    }
    return bytes;
}

typedef struct call {
    ts_lower *lower;
    ts_op_node *op;
    ts_builder kernel;
} call;

static ts_status fail(const call *c, ts_status status, const char *what, const char *remedy) {
    const ts_program *kernel = c->kernel.program;
    ts_op_fail(c->lower->module, c->op, c->lower->diag, status, "NKI kernel %.64s %s",
               kernel ? kernel->name : "", what);
    ts_diag_remedy(c->lower->diag, "%s", remedy);
    return status;
}

/* Whether the values agree with the kernel's tensors of a kind in number, shape and type. */
static ts_status check_tensors(const call *c, ts_tensor_kind kind, ts_value *const *values, uint32_t count) {
    const char *remedy = "call the kernel inside jax.jit, and leave its custom_call as JAX wrote it";
    for (uint32_t i = 0; i <= count; i++) {
        const ts_tensor *tensor = ts_kernel_tensor(c->kernel.program, kind, i);
        bool is_there = i < count;
        if (!tensor != !is_there)
            return fail(c, ts_input,
                        kind == ts_tensor_input ? "takes another number of operands"
                                                : "has another number of results",
                        remedy);
        if (!is_there) break;
        const ts_type *type = &values[i]->type;
        bool is_same = tensor->dtype == type->dtype && tensor->rank == type->rank &&
                       memcmp(tensor->dim, type->dim, (size_t)type->rank * sizeof *type->dim) == 0;
        if (!is_same)
            return fail(c, ts_input,
                        ts_arena_format(&c->lower->arena, "was recorded for another shape or type of %s %u",
                                        kind == ts_tensor_input ? "operand" : "result", i),
                        remedy);
    }
    return ts_ok;
}

/* Whether the kernel's effect depends on the ranks. */
static bool knows_ranks(const ts_program *kernel) {
    return ts_program_has(kernel, ts_op_collective) || ts_program_has(kernel, ts_op_gpsimd_rank);
}

static ts_status check(const call *c) {
    const ts_lower *lower = c->lower;
    if (strcmp(c->kernel.program->chip, lower->b.chip->name) != 0)
        return fail(c, ts_input,
                    ts_arena_format(&c->lower->arena,
                                    "was recorded for %.32s, the step is compiled for %.32s",
                                    c->kernel.program->chip, lower->b.chip->name),
                    "trace the step with the same TRAINSTONE_CHIP");
    const uint32_t ranks = c->kernel.program->ranks;
    if (ranks != lower->program->ranks && (ranks != 1 || knows_ranks(c->kernel.program)))
        return fail(c, ts_input,
                    ts_arena_format(&c->lower->arena, "was recorded for %u rank%s, the step has %u", ranks,
                                    ranks == 1 ? "" : "s", lower->program->ranks),
                    "call it in jax.shard_map over the mesh that the step runs on");
    TS_TRY(check_tensors(c, ts_tensor_input, c->op->operands, c->op->operand_count));
    return check_tensors(c, ts_tensor_output, c->op->results, c->op->result_count);
}

static ts_status splice(call *c) {
    ts_lower *lower = c->lower;
    ts_op_node *op = c->op;
    uint32_t *inputs = TS_NEW_ARRAY(&lower->arena, uint32_t, op->operand_count + 1),
             *outputs = TS_NEW_ARRAY(&lower->arena, uint32_t, op->result_count + 1);
    TS_TRY(check(c));
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view view;
        TS_TRY(ts_lower_whole(lower, op->operands[i], &view));
        inputs[i] = view.tensor;
    }
    for (uint32_t i = 0; i < op->result_count; i++)
        outputs[i] = ts_lower_result(lower, op->results[i]);
    lower->b.loc = op->loc;
    ts_kernel_splice(&lower->b, &c->kernel, inputs, outputs, op->loc);
    lower->program->model_flops += ts_kernel_flops(c->kernel.program) * lower->repeat;
    return ts_ok;
}

ts_status ts_lower_kernel(ts_lower *lower, ts_op_node *op) {
    call c = {.lower = lower, .op = op};
    size_t size;
    const uint8_t *bytes = decode(&lower->arena, ts_op_string(op, "backend_config"), &size);
    if (!bytes || size == 0)
        return fail(&c, ts_unsupported, "has no recording of Trainstone in its backend_config",
                    "trace the step with trainstone.nki: what AWS's compiler wrote does not run here");
    ts_status status = ts_kernel_decode(bytes, size, lower->b.chip, &c.kernel, lower->diag);
    if (status != ts_ok)
        ts_op_fail(lower->module, op, lower->diag, status, "NKI kernel");
    else
        status = splice(&c);
    if (c.kernel.program) ts_program_free(c.kernel.program);
    return status;
}
