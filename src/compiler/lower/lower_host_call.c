/* custom_call @trainstone_host_call: calls a function on the host. backend_config holds its number, and
   "once" if rank 0 calls for all ranks. The operands form one contiguous run of bytes and the results
   another; larger elements come first, so that there is no padding. python/trainstone/host_calls.py relies on
   this layout. */
#include <stdlib.h>
#include <string.h>

#include "compiler/graph/graph_make.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"

enum { LARGEST = 8 }; /* most bytes of an element */

bool ts_op_is_host_call(const ts_op_node *op) {
    return op->kind == ts_hlo_custom_call &&
           strcmp(ts_op_string(op, "call_target_name"), "trainstone_host_call") == 0;
}

static int64_t size_of(const ts_value *value) {
    return ts_dtype_get((ts_dtype)value->type.dtype)->bytes;
}

static int64_t bytes_of(const ts_value *value) {
    return ts_type_elems(&value->type) * size_of(value);
}

static int64_t run_bytes(ts_value *const *values, uint32_t count) {
    int64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += bytes_of(values[i]);
    return bytes;
}

/* The offset of each value in its run, in bytes. */
static int64_t *starts_of(ts_arena *arena, ts_value *const *values, uint32_t count) {
    int64_t *starts = TS_NEW_ARRAY(arena, int64_t, count + 1), end = 0;
    for (int64_t size = LARGEST; size > 0; size /= 2)
        for (uint32_t i = 0; i < count; i++) {
            if (size_of(values[i]) != size) continue;
            starts[i] = end;
            end += bytes_of(values[i]);
        }
    return starts;
}

static uint32_t make_run(ts_lower *lower, int64_t bytes, const char *name) {
    ts_type type = ts_type_make(ts_dtype_u8, 1, (int64_t[]){bytes});
    return ts_lower_scratch(lower, &type, name);
}

/* The view of a value that lies in the run at byte `at`. */
static ts_view part_of(uint32_t run, const ts_value *value, int64_t at) {
    ts_view view = ts_view_of_tensor(run, &value->type);
    view.offset = at / size_of(value);
    return view;
}

static ts_ap run_ap(uint32_t run, int64_t bytes) {
    ts_ap ap = ts_build_hbm(run, ts_dtype_u8, ts_affine_const(0));
    ts_ap_dim(&ap, 1, ts_count_const(bytes));
    return ap;
}

/* Makes the run to send. A single operand with bytes (tokens have none) is sent from where it lies. */
static ts_status send(ts_lower *lower, const ts_op_node *op, int64_t bytes, uint32_t *run) {
    ts_view view;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        if (bytes_of(op->operands[i]) != bytes) continue;
        TS_TRY(ts_lower_whole(lower, op->operands[i], &view));
        *run = view.tensor;
        return ts_ok;
    }
    *run = make_run(lower, bytes, "sent to the host");
    const int64_t *starts = starts_of(&lower->arena, op->operands, op->operand_count);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_value *value = op->operands[i];
        if (bytes_of(value) == 0) continue;
        const ts_view to = part_of(*run, value, starts[i]);
        TS_TRY(ts_lower_shifted_tensor(lower, value, &view));
        TS_TRY(ts_lower_copy(lower, &to, &view));
    }
    return ts_ok;
}

/* Makes the results views of the run in which they arrive. */
static void receive(ts_lower *lower, const ts_op_node *op, uint32_t run) {
    const int64_t *starts = starts_of(&lower->arena, op->results, op->result_count);
    for (uint32_t i = 0; i < op->result_count; i++) {
        ts_value *value = op->results[i];
        ts_lowered *lowered = value->note;
        if (bytes_of(value) == 0) {
            ts_lower_result(lower, value);
            continue;
        }
        lowered->view = part_of(run, value, starts[i]);
        lowered->has_view = true;
    }
}

ts_status ts_lower_host_call(ts_lower *lower, ts_op_node *op) {
    const int64_t sent = run_bytes(op->operands, op->operand_count),
                  received = run_bytes(op->results, op->result_count);
    const char *number = ts_op_string(op, "backend_config");
    char *end;
    const int64_t id = strtoll(number, &end, 10);
    const bool is_once = strcmp(end, " once") == 0;
    ts_ap src = {0}, dst = {0};
    if (!*number || (*end && !is_once))
        return ts_op_fail(lower->module, op, lower->diag, ts_input, "backend_config is no number: %.64s",
                          number);
    if (sent > INT32_MAX || received > INT32_MAX)
        return ts_op_fail(lower->module, op, lower->diag, ts_capacity,
                          "a call passes more than %d bytes one way", INT32_MAX);
    if (sent > 0) {
        uint32_t run;
        TS_TRY(send(lower, op, sent, &run));
        src = run_ap(run, sent);
    }
    if (received > 0) dst = run_ap(make_run(lower, received, "received from the host"), received);
    receive(lower, op, dst.tensor);
    lower->b.loc = op->loc;
    ts_emit_host_call(&lower->b, id, &dst, &src, is_once);
    if (is_once && received > 0 && lower->program->ranks > 1) ts_lower_from_first(lower, &dst);
    return ts_ok;
}
