/* Merges all_reduces that do not depend on each other: each costs microseconds before a byte moves, and
   data-parallel training has one for every parameter. The operands are concatenated into one array where the
   last of them was. Readers of the results are delayed until the next merged collective has started, or to
   the end of the block, so that other work overlaps with the transfer. */
#include <string.h>

#include "compiler/graph/graph_make.h"
#include "compiler/passes.h"

enum {
    MOST_BYTES = 50 << 20, /* of one collective: NxD's default bucket
                              (archive/nxd-training/torch-neuron-envvars.rst:112-118) */
    ALONE_BYTES = 8 << 20, /* sent alone: the transfer takes 160 us or more at cc_bytes_per_ns and a start 6
                              us, so an early start is worth more than merging */
    FEW_BYTES = 256 << 10, /* so small that a copy takes about as long as a collective takes to start */
    SLOTS = 64             /* buckets open at once, one bit each */
};

/* Collectives that will be merged. While the bucket is open it owns a slot. */
typedef struct bucket {
    TS_VEC(ts_op_node *) members;
    int64_t bytes;
    int slot;
    uint32_t met; /* members that the second walk has reached */
} bucket;

/* An op that reads results that do not exist yet. */
typedef struct late {
    ts_op_node *op;
    uint64_t waits; /* bit set of the slots that it waits for */
} late;

typedef struct combiner {
    ts_module *module;
    ts_func *main;
    ts_arena arena;
    uint32_t *uses; /* by value id */
    bucket *open[SLOTS];
    int next_slot;
    bucket **bucket_of; /* by index of the op in the block */
    TS_VEC(late) late;
    uint64_t sent; /* slots whose collective has been emitted while its readers are still delayed */
    ts_block *out;
} combiner;

/* The set of slots on which a value depends; kept in its note while a block is walked. */
static uint64_t waits_of(const ts_value *value) {
    return (uint64_t)(uintptr_t)value->note;
}

static uint64_t op_waits(const ts_op_node *op) {
    uint64_t waits = 0;
    for (uint32_t i = 0; i < op->operand_count; i++)
        waits |= waits_of(op->operands[i]);
    for (uint32_t i = 0; i < op->region_count; i++)
        for (uint32_t j = 0; op->regions[i] && j < op->regions[i]->ops.count; j++)
            waits |= op_waits(op->regions[i]->ops.data[j]);
    return waits;
}

static void set_waits(const ts_op_node *op, uint64_t waits) {
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = (void *)(uintptr_t)waits;
}

/* Removes slots from the dependences of all values: their results exist, or their bucket is closed. */
static void forget_slots(const ts_block *block, uint64_t slots) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (op->result_count) set_waits(op, waits_of(op->results[0]) & ~slots);
    }
}

/* ---- choosing buckets ---- */

/* Whether a value can be computed right into its part of the merged array, as the result of a product can
   (result_layout.c). */
static bool is_placed(const combiner *c, const ts_value *value) {
    for (; value->def && c->uses[value->id] == 1; value = value->def->operands[0]) {
        if (value->def->kind == ts_hlo_dot_general) return true;
        if (value->def->kind != ts_hlo_reshape && value->def->kind != ts_hlo_transpose) return false;
    }
    return false;
}

/* Whether the block returns the value itself: merging would need a copy to it. */
static bool is_returned(const ts_block *block, const ts_value *value) {
    const ts_op_node *last = ts_block_last(block);
    for (uint32_t i = 0; i < last->operand_count; i++)
        if (last->operands[i] == value) return true;
    return false;
}

static bool can_join(const combiner *c, const ts_block *block, const ts_op_node *op) {
    if (op->kind != ts_hlo_all_reduce) return false;
    const ts_type *type = &op->results[0]->type;
    int64_t bytes = ts_type_bytes(type);
    if (!ts_dtype_get((ts_dtype)type->dtype)->native || bytes == 0 || bytes > ALONE_BYTES) return false;
    return bytes <= FEW_BYTES || (is_placed(c, op->operands[0]) && !is_returned(block, op->results[0]));
}

static bool is_alike(const ts_op_node *a, const ts_op_node *b) {
    return a->results[0]->type.dtype == b->results[0]->type.dtype &&
           strcmp(ts_op_string(a, "op"), ts_op_string(b, "op")) == 0 &&
           ts_attr_equal(ts_op_attr(a, "ranks"), ts_op_attr(b, "ranks"));
}

static void close_slot(combiner *c, const ts_block *block, int slot) {
    c->open[slot] = NULL;
    forget_slots(block, (uint64_t)1 << slot);
}

/* The bucket for the op; opens one if none has room. NULL when too many are open. */
static bucket *bucket_for(combiner *c, const ts_block *block, const ts_op_node *op) {
    int64_t bytes = ts_type_bytes(&op->results[0]->type);
    for (int i = 0; i < SLOTS; i++) {
        if (!c->open[i] || !is_alike(c->open[i]->members.data[0], op)) continue;
        if (c->open[i]->bytes + bytes <= MOST_BYTES) return c->open[i];
        close_slot(c, block, i);
    }
    for (int i = 0; i < SLOTS; i++) { /* not the slot used last: its readers may still be delayed */
        int slot = c->next_slot++ % SLOTS;
        if (c->open[slot]) continue;
        c->open[slot] = TS_NEW(&c->arena, bucket);
        c->open[slot]->slot = slot;
        return c->open[slot];
    }
    return NULL;
}

static void find_buckets(combiner *c, const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        uint64_t waits = op_waits(op);
        c->bucket_of[i] = NULL;
        if (can_join(c, block, op)) {
            for (int slot = 0; slot < SLOTS; slot++)
                if (waits >> slot & 1) close_slot(c, block, slot);
            bucket *b = c->bucket_of[i] = bucket_for(c, block, op);
            waits = b ? (uint64_t)1 << b->slot : 0;
            if (b) {
                b->bytes += ts_type_bytes(&op->results[0]->type);
                ts_vec_push(&b->members, &c->arena, op);
            }
        }
        set_waits(op, waits);
    }
    memset(c->open, 0, sizeof c->open);
}

/* ---- merging ---- */

static ts_value *flat(ts_maker *m, ts_value *value) {
    int64_t elems = ts_type_elems(&value->type);
    return ts_make_reshape(m, value, 1, &elems);
}

/* The merged collective gets the location of its largest member. */
static uint32_t loc_of(const bucket *b) {
    const ts_op_node *largest = b->members.data[0];
    for (uint32_t i = 1; i < b->members.count; i++)
        if (ts_type_bytes(&b->members.data[i]->results[0]->type) > ts_type_bytes(&largest->results[0]->type))
            largest = b->members.data[i];
    return largest->loc;
}

/* Emits the merged collective and makes each member's result a part of its result. */
static void emit_bucket(combiner *c, const bucket *b) {
    ts_maker m = {.module = c->module, .func = c->main, .block = c->out};
    const ts_op_node *first = b->members.data[0];
    ts_value **parts = TS_NEW_ARRAY(&c->arena, ts_value *, b->members.count);
    for (uint32_t i = 0; i < b->members.count; i++) {
        m.loc = b->members.data[i]->loc;
        parts[i] = flat(&m, b->members.data[i]->operands[0]);
    }
    m.loc = loc_of(b);
    ts_value *whole = ts_make_concatenate(&m, (int)b->members.count, parts, 0);
    ts_op_node *one = ts_op_new(c->module, c->main, ts_hlo_all_reduce, m.loc, 1, &whole, 1, &whole->type,
                                first->attr_count, first->attrs, 0);
    ts_vec_push(&c->out->ops, &c->module->arena, one);
    for (int64_t i = 0, at = 0; i < b->members.count; i++) {
        ts_op_node *member = b->members.data[i];
        int64_t limit = at + ts_type_elems(&member->results[0]->type);
        m.loc = member->loc;
        ts_value *part = ts_make_slice(&m, one->results[0], &at, &limit);
        /* The member op itself becomes the last op of its part, so that its readers stay as they are. */
        member->kind = ts_hlo_reshape;
        member->operands[0] = part;
        member->attr_count = 0;
        ts_vec_push(&c->out->ops, &c->module->arena, member);
        at = limit;
    }
}

/* Appends, in order, the delayed ops that wait for no slot but these. */
static void release(combiner *c, const ts_block *block, uint64_t slots) {
    uint32_t kept = 0;
    if (!slots) return;
    for (uint32_t i = 0; i < c->late.count; i++) {
        late l = c->late.data[i];
        l.waits &= ~slots;
        if (l.waits)
            c->late.data[kept++] = l;
        else
            ts_vec_push(&c->out->ops, &c->module->arena, l.op);
    }
    c->late.count = kept;
    forget_slots(block, slots);
    c->sent &= ~slots;
}

/* At the last member: emits what its operands wait for, then the collective, then the ops that wait for
   earlier collectives. */
static void send_bucket(combiner *c, const ts_block *block, const bucket *b) {
    uint64_t needs = 0, before;
    for (uint32_t i = 0; i < b->members.count; i++)
        needs |= waits_of(b->members.data[i]->operands[0]);
    release(c, block, needs);
    before = c->sent;
    emit_bucket(c, b);
    release(c, block, before);
    c->sent |= (uint64_t)1 << b->slot;
}

static void rebuild(combiner *c, ts_block *block) {
    c->out = TS_NEW(&c->arena, ts_block);
    c->sent = 0;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        bucket *b = c->bucket_of[i] && c->bucket_of[i]->members.count > 1 ? c->bucket_of[i] : NULL;
        if (b && b->met++ == 0) release(c, block, c->sent & (uint64_t)1 << b->slot);
        if (op->kind == ts_hlo_return) release(c, block, c->sent);
        uint64_t waits = b ? (uint64_t)1 << b->slot : op_waits(op);
        set_waits(op, waits);
        if (b && b->met == b->members.count)
            send_bucket(c, block, b);
        else if (!b && waits)
            ts_vec_push(&c->late, &c->arena, ((late){op, waits}));
        else if (!b)
            ts_vec_push(&c->out->ops, &c->module->arena, op);
    }
    ts_block_take_ops(block, c->out);
}

static void combine_block(combiner *c, ts_block *block) {
    uint32_t joined = 0;
    for (uint32_t i = 0; i < block->ops.count; i++)
        for (uint32_t j = 0; j < block->ops.data[i]->region_count; j++)
            if (block->ops.data[i]->regions[j]) combine_block(c, block->ops.data[i]->regions[j]);
    for (uint32_t i = 0; i < block->ops.count; i++)
        joined += block->ops.data[i]->kind == ts_hlo_all_reduce;
    if (joined < 2) return;
    c->bucket_of = TS_NEW_ARRAY(&c->arena, bucket *, block->ops.count);
    find_buckets(c, block);
    ts_block_clear_notes(block);
    rebuild(c, block);
    ts_block_clear_notes(block);
}

ts_status ts_combine_collectives(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    combiner c = {.module = module, .main = main};
    ts_block_clear_notes(main->body);
    c.uses = ts_count_uses(main, &c.arena);
    combine_block(&c, main->body);
    ts_arena_free(&c.arena);
    return ts_ok;
}
