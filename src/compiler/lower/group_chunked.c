/* Reductions of rows that are too long for SBUF, such as the sum or the maximum of the logits of a whole
   vocabulary. The group's loop nest computes a row chunk by chunk and folds each chunk into an accumulator of
   one element per row. The result is complete only after the row's last chunk, so no op of the group may read
   it. */
#include "compiler/lower/pointwise.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

bool ts_group_is_chunked(const ts_op_node *op) {
    return note(op->results[0])->is_chunked;
}

int ts_group_count_chunked(const ts_group *group) {
    int count = 0;
    for (int i = 0; i < group->op_count; i++)
        count += ts_group_is_chunked(group->ops[i]);
    return count;
}

bool ts_group_takes_chunked(ts_group *group, ts_op_node *op, int kept) {
    const ts_value *operand = op->operands[0];
    bool is_whole = ts_group_span(group, &operand->type) == ts_span_whole && !ts_lowered_is_late(operand);
    if (!is_whole || group->dot || group->is_reducing || group->op_count + 1 >= TS_GROUP_OPS ||
        (group->kept != kept && group->kept != group->rank) ||
        ts_group_count_chunked(group) == TS_GROUP_CHUNKED)
        return false;
    note(op->results[0])->is_chunked = true;
    return true;
}

/* ---- emitting, inside the group's loop nest ---- */

static ts_chunked *find(ts_emitter *e, int index) {
    for (int i = 0; i < e->chunked_count; i++)
        if (e->chunked[i].index == index) return &e->chunked[i];
    return NULL;
}

void ts_pointwise_chunked_open(ts_emitter *e) {
    e->chunked_count = 0;
    e->axes = ts_pointwise_row_axes(e);
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        ts_chunked *chunked = &e->chunked[e->chunked_count];
        if (op->kind != ts_hlo_reduce || !ts_group_is_chunked(op) || !(e->needed >> i & 1)) continue;
        e->chunked_count++;
        e->b->loc = op->loc;
        *chunked = (ts_chunked){i, ts_pointwise_tile(e, ts_dtype_f32, e->b->depth > 0 ? 2 : 1)};
        ts_ap acc = ts_pointwise_ap(e, &chunked->acc);
        ts_emit_memset(e->b, ts_engine_gpsimd, &acc, ts_pointwise_start(e, op));
    }
}

void ts_pointwise_chunked_fold(ts_emitter *e, int index, ts_alu alu, const ts_value_form *chunk) {
    e->axes = ts_pointwise_row_axes(e);
    ts_ap acc = ts_pointwise_ap(e, &find(e, index)->acc), more = ts_pointwise_ap(e, chunk);
    ts_emit_tensor_tensor(e->b, ts_engine_vector, &acc, &acc, &more, alu);
}

void ts_pointwise_chunked_close(ts_emitter *e) {
    for (int i = 0; i < e->chunked_count; i++) {
        int index = e->chunked[i].index;
        ts_value_form form = e->chunked[i].acc;
        ts_dtype dtype = ts_chip_dtype(e->group->ops[index]->results[0]->type.dtype);
        e->axes = ts_pointwise_row_axes(e);
        e->b->loc = e->group->ops[index]->loc;
        if (dtype != ts_dtype_f32) {
            ts_value_form narrow = ts_pointwise_tile(e, dtype, 1);
            ts_ap to = ts_pointwise_ap(e, &narrow), from = ts_pointwise_ap(e, &form);
            ts_emit_copy(e->b, ts_engine_vector, &to, &from);
            form = narrow;
        }
        ts_pointwise_store(e, index, &form, TS_STORE_QUEUE + i % TS_STORE_QUEUES);
    }
}
