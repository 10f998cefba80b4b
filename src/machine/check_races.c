/* Finds races. In program order, each access is compared with the earlier accesses of its storage that its
   engine does not know to be complete. */
#include "machine/check_races.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/unroll.h"
#include "base/unit.h"
#include "machine/check_order.h"

enum {
    MOST_RACES = 256,
    CHUNK = 64, /* touches with common bounds, which are compared first */
    RECENT = 8, /* touches of a site that are searched for one of the same place */
    SBUF = 0,
    PSUM,
    SCRATCH,
    TENSOR, /* SBUF to SCRATCH number storages; from TENSOR on there is one per tensor */
};

typedef struct box {
    int64_t lo, hi; /* bytes, hi exclusive */
    int32_t first, end;
} box;

/* An access: one execution of one operand of one code position. */
typedef struct touch {
    box bounds;
    const ts_ref *shape; /* its pattern without its place; NULL: dead, as a later touch has the same place */
    int64_t offset;
    uint32_t number; /* of the instruction in its source */
} touch;

/* One operand of one code position: all that it touched, in order. */
typedef struct site {
    struct site *next; /* in its storage */
    uint32_t at;
    bool is_write;
    TS_VEC(touch) touches;
    TS_VEC(box) chunks;     /* bounds of CHUNK touches each */
    uint32_t dead;          /* how many touches have no shape */
    TS_VEC(uint32_t) found; /* later code positions that it races with */
} site;

typedef struct search {
    const ts_program *program;
    const ts_chip *chip;
    ts_races *races;
    ts_arena arena;
    ts_ordering order;
    ts_unroll unroll;
    ts_operands operands; /* of the current instruction */
    int64_t most;
    uint32_t *storage_of; /* per tensor */
    bool *is_written;     /* per storage: something writes it */
    site **sites;         /* per storage */
    /* Per code position and operand: the site that reads, and the one that writes. */
    site *(*site_of)[TS_MAX_OPERANDS][2];
    uint32_t *executions; /* per code position */
} search;

/* ---- storages ---- */

/* An output that takes over an input shares its storage; scratch tensors are places in one storage. */
static void find_storages(search *s) {
    const ts_program *program = s->program;
    uint32_t count = program->tensors.count;
    s->storage_of = TS_NEW_ARRAY(&s->arena, uint32_t, count + 1);
    s->is_written = TS_NEW_ARRAY(&s->arena, bool, TENSOR + count + 1);
    s->sites = TS_NEW_ARRAY(&s->arena, site *, TENSOR + count + 1);
    for (uint32_t t = 0; t < count; t++) {
        const ts_tensor *tensor = &program->tensors.data[t];
        s->storage_of[t] = tensor->kind == ts_tensor_scratch ? SCRATCH : TENSOR + ts_tensor_place(program, t);
    }
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        const ts_op_info *info = ts_op_get(inst->op);
        for (int i = 0; i < info->field_count; i++) {
            bool is_write;
            const ts_ap *ap = ts_inst_ap(inst, &info->fields[i], &is_write);
            if (!ap || !is_write) continue;
            if (ap->space == ts_space_hbm)
                s->is_written[s->storage_of[ap->tensor]] = true;
            else
                s->is_written[ap->space == ts_space_psum ? PSUM : SBUF] = true;
        }
    }
}

/* The storage of an operand; *placed is the operand with its offset in that storage. */
static uint32_t place(const search *s, const ts_ref *ref, ts_ref *placed) {
    *placed = *ref;
    if (ref->space != ts_space_hbm) return ref->space == ts_space_psum ? PSUM : SBUF;
    const ts_tensor *tensor = &s->program->tensors.data[ref->tensor];
    if (tensor->kind == ts_tensor_scratch) placed->offset += (int64_t)tensor->address;
    return placed->tensor = s->storage_of[ref->tensor];
}

static box bounds_of(const search *s, const ts_ref *ref, uint32_t tensor) {
    box b = {ref->offset, ref->offset + ts_dtype_get(ref->dtype)->bytes, ref->part, ref->part + ref->parts};
    if (ref->index) { /* the index may choose any part of the tensor */
        const ts_tensor *whole = &s->program->tensors.data[tensor];
        b.lo = whole->kind == ts_tensor_scratch ? (int64_t)whole->address : 0;
        b.hi = b.lo + (int64_t)whole->bytes;
        return b;
    }
    for (int i = 0; i < ref->dims; i++) {
        int64_t reach = ref->step[i] * (ref->count[i] - 1) * ts_dtype_get(ref->dtype)->bytes;
        *(reach < 0 ? &b.lo : &b.hi) += reach;
    }
    return b;
}

static bool boxes_meet(const box *a, const box *b) {
    return a->lo < b->hi && b->lo < a->hi && a->first < b->end && b->first < a->end;
}

static void widen(box *a, const box *b) {
    if (b->lo < a->lo) a->lo = b->lo;
    if (b->hi > a->hi) a->hi = b->hi;
    if (b->first < a->first) a->first = b->first;
    if (b->end > a->end) a->end = b->end;
}

/* ---- what was touched ---- */

static site *get_site(search *s, uint32_t storage, uint32_t at, int operand, bool is_write) {
    site **slot = &s->site_of[at][operand][is_write];
    if (*slot) return *slot;
    *slot = TS_NEW(&s->arena, site);
    **slot = (site){.next = s->sites[storage], .at = at, .is_write = is_write};
    s->sites[storage] = *slot;
    return *slot;
}

static void append(search *s, site *to, touch one) {
    if (to->touches.count % CHUNK == 0) ts_vec_push(&to->chunks, &s->arena, one.bounds);
    widen(&to->chunks.data[to->chunks.count - 1], &one.bounds);
    ts_vec_push(&to->touches, &s->arena, one);
}

static void drop_dead(search *s, site *of) {
    uint32_t count = of->touches.count;
    of->touches.count = of->chunks.count = of->dead = 0;
    for (uint32_t i = 0; i < count; i++)
        if (of->touches.data[i].shape) append(s, of, of->touches.data[i]);
}

/* Whether the two differ in their place alone. */
static bool is_shape(const ts_ref *shape, const ts_ref *ref) {
    return shape->dtype == ref->dtype && shape->dims == ref->dims && shape->index == ref->index &&
           memcmp(shape->step, ref->step, sizeof ref->step) == 0 &&
           memcmp(shape->count, ref->count, sizeof ref->count) == 0;
}

/* Records an access. An earlier one of the same operand in the same place can be dropped: what races with it
   races with the later one, too. */
static void note(search *s, site *to, const ts_ref *ref, const box *bounds, uint32_t number) {
    touch one = {.bounds = *bounds, .offset = ref->offset, .number = number};
    for (uint32_t i = to->touches.count, left = RECENT; i-- > 0 && left-- > 0;) {
        touch *other = &to->touches.data[i];
        if (!other->shape || !is_shape(other->shape, ref)) continue;
        one.shape = other->shape;
        if (memcmp(&other->bounds, bounds, sizeof *bounds) != 0 || other->offset != ref->offset) continue;
        other->shape = NULL;
        to->dead++;
        break;
    }
    if (!one.shape) one.shape = ts_arena_copy(&s->arena, ref, sizeof *ref);
    append(s, to, one);
    if (to->dead > CHUNK && to->dead > to->touches.count / 2) drop_dead(s, to);
}

/* ---- comparing ---- */

static bool was_found(const site *earlier, uint32_t at) {
    for (uint32_t i = 0; i < earlier->found.count; i++)
        if (earlier->found.data[i] == at) return true;
    return false;
}

/* Finds the first signal of the access's source that shows that the access is complete; without one, proposes
   a semaphore that nothing uses. */
static void find_signal(const search *s, const site *earlier, uint32_t number, ts_race *race) {
    const ts_ordering *order = &s->order;
    uint32_t source = order->source_of[earlier->at], best = UINT32_MAX;
    for (uint32_t n = 0; n < order->semaphore_count; n++) {
        const ts_order_semaphore *semaphore = &order->semaphores[n];
        if (semaphore->source != source) continue;
        for (uint32_t i = semaphore->signals.count; i-- > 0;) {
            const ts_order_signal *signal = &semaphore->signals.data[i];
            if (signal->number < number) break;
            if (signal->number >= best) continue;
            best = signal->number;
            race->has_signal = true;
            race->semaphore = (uint16_t)n;
            race->value = signal->value;
            race->signal = signal->at;
        }
    }
    if (race->has_signal) return;
    bool is_dma = s->program->code.data[earlier->at]->op == ts_op_dma_copy;
    race->amount = is_dma ? (uint32_t)s->chip->dma_engines : 1;
    race->value = (int64_t)s->executions[earlier->at] * race->amount;
    while (race->semaphore < order->semaphore_count && order->semaphores[race->semaphore].is_named)
        race->semaphore++;
}

static void point_text(const search *s, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < s->unroll.depth && used < size; i++) {
        uint32_t loop = s->unroll.open[i];
        used += (size_t)snprintf(text + used, size - used, "%s%%%u=%lld", i ? " " : " at ", loop,
                                 (long long)s->unroll.counters[loop]);
    }
}

static void add_race(search *s, site *earlier, const touch *one, const ts_ref *ref, const box *bounds,
                     bool is_write) {
    ts_race race = {.first = earlier->at, .writes = {earlier->is_write, is_write}};
    const box *a = &one->bounds;
    int32_t first = a->first > bounds->first ? a->first : bounds->first;
    int64_t lo = a->lo > bounds->lo ? a->lo : bounds->lo;
    race.parts = (a->end < bounds->end ? a->end : bounds->end) - first;
    race.bytes = (a->hi < bounds->hi ? a->hi : bounds->hi) - lo;
    race.finding =
        (ts_finding){.count = 1, .at = s->unroll.at, .space = ref->space, .part = first, .byte = lo};
    race.finding.tensor = ref->tensor;
    if (ref->space == ts_space_hbm && s->program->tensors.data[ref->tensor].kind == ts_tensor_scratch)
        race.finding.byte -= (int64_t)s->program->tensors.data[ref->tensor].address;
    point_text(s, race.point, sizeof race.point);
    find_signal(s, earlier, one->number, &race);
    ts_vec_push(&earlier->found, &s->arena, s->unroll.at);
    ts_vec_push(&s->races->list, &s->races->arena, race);
}

static bool meets(const touch *one, const ts_ref *placed, const box *bounds) {
    bool is_exact;
    if (!one->shape || !boxes_meet(&one->bounds, bounds)) return false;
    ts_ref other = *one->shape;
    other.offset = one->offset;
    other.part = one->bounds.first;
    other.parts = one->bounds.end - one->bounds.first;
    return ts_ref_overlap(&other, placed, &is_exact);
}

/* Compares an access with those of an earlier site, from the last backwards: once the engine knows one to be
   complete, it knows all before it to be. */
static void compare(search *s, site *earlier, const ts_ref *ref, const ts_ref *placed, const box *bounds,
                    bool is_write) {
    const ts_inst *inst = s->program->code.data[s->unroll.at];
    uint32_t source = s->order.source_of[earlier->at], over = s->order.over[inst->engine][source];
    if (source == s->order.source_of[s->unroll.at] || was_found(earlier, s->unroll.at)) return;
    for (uint32_t chunk = earlier->chunks.count; chunk-- > 0;) {
        uint32_t begin = chunk * CHUNK, end = begin + CHUNK;
        if (end > earlier->touches.count) end = earlier->touches.count;
        if (earlier->touches.data[end - 1].number <= over) return;
        if (!boxes_meet(&earlier->chunks.data[chunk], bounds)) continue;
        for (uint32_t i = end; i-- > begin;) {
            const touch *one = &earlier->touches.data[i];
            if (one->number <= over) return;
            if (!meets(one, placed, bounds)) continue;
            add_race(s, earlier, one, ref, bounds, is_write);
            return;
        }
    }
}

static void look_at(search *s, uint32_t number, int operand, bool is_write) {
    const ts_ref *ref = &s->operands.ref[operand];
    ts_ref placed;
    uint32_t storage = place(s, ref, &placed);
    if (!s->is_written[storage]) return;
    box bounds = bounds_of(s, &placed, ref->tensor);
    for (site *earlier = s->sites[storage]; earlier; earlier = earlier->next)
        if (earlier->is_write || is_write) compare(s, earlier, ref, &placed, &bounds, is_write);
    note(s, get_site(s, storage, s->unroll.at, operand, is_write), &placed, &bounds, number);
}

/* ---- the search ---- */

static int by_position(const void *a, const void *b) {
    const ts_race *x = a, *y = b;
    if (x->finding.at != y->finding.at) return x->finding.at < y->finding.at ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static ts_status search_all(void *context) {
    search *s = context;
    const ts_inst *inst;
    find_storages(s);
    ts_ordering_begin(&s->order, s->program, &s->arena);
    ts_unroll_begin(&s->unroll, s->program, s->most, &s->arena);
    s->site_of = ts_arena_array(&s->arena, s->program->code.count + 1, sizeof *s->site_of);
    s->executions = TS_NEW_ARRAY(&s->arena, uint32_t, s->program->code.count + 1);
    while (s->races->list.count < MOST_RACES && (inst = ts_unroll_next(&s->unroll))) {
        uint32_t at = s->unroll.at, number = ts_ordering_start(&s->order, at, s->unroll.counters);
        s->executions[at]++;
        ts_inst_operands(s->program, inst, s->unroll.counters, &s->operands);
        for (int i = 0; i < s->operands.count; i++) {
            if (s->operands.is_read[i]) look_at(s, number, i, false);
            if (s->operands.is_write[i]) look_at(s, number, i, true);
        }
        ts_ordering_signal(&s->order, at, number);
    }
    s->races->is_cut = s->races->list.count >= MOST_RACES || s->unroll.left < 0;
    if (s->races->list.count) qsort(s->races->list.data, s->races->list.count, sizeof(ts_race), by_position);
    return ts_ok;
}

ts_status ts_races_find(const ts_program *program, const ts_chip *chip, int64_t most, ts_races *races,
                        ts_diag *diag) {
    if (program->syncing != ts_syncing_explicit) return ts_ok;
    search *s = calloc(1, sizeof *s);
    if (!s) return ts_fail(diag, ts_system, "no host memory for the search for races");
    s->program = program;
    s->chip = chip;
    s->most = most;
    s->races = races;
    const void *const kept[] = {&s->arena, &races->arena, NULL};
    ts_status status = ts_unit_run(kept, search_all, s, "looking for races", diag);
    ts_arena_free(&s->arena);
    free(s);
    return status;
}
