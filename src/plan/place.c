/* Placement: from virtual tiles to addresses by liveness over the loop tree, and first fit. */
#include <stdlib.h>
#include <string.h>

#include "plan/builder.h"

/* One thing that needs room while code positions [first, last] run. */
typedef struct item {
    uint32_t first, last;
    uint32_t owner; /* tile or tensor index */
    int64_t bytes, address;
} item;

static const uint32_t UNUSED = (uint32_t)TS_TILE_UNUSED;

/* The positions over which an access at `at` holds its storage, when the other accesses lie at
   [first, last]: every loop that contains one of them but not all is covered whole, since its next
   trip needs the value again. */
static void cover(const ts_program *program, const uint32_t *loop_of, uint32_t *first, uint32_t *last,
                  uint32_t at) {
    if (*first == UNUSED) {
        *first = *last = at;
        return;
    }
    uint32_t low = at < *first ? at : *first, high = at > *last ? at : *last;
    for (bool grew = true; grew;) {
        grew = false;
        for (int side = 0; side < 2; side++) {
            uint32_t at_loop = loop_of[side ? high : low];
            while (at_loop) {
                const ts_loop *loop = &program->loops.data[at_loop - 1];
                if (loop->begin > low || loop->end < high) {
                    if (loop->begin < low) low = loop->begin, grew = true;
                    if (loop->end > high) high = loop->end, grew = true;
                }
                at_loop = loop->parent;
            }
        }
    }
    *first = low;
    *last = high;
}

typedef struct placer {
    ts_builder *b;
    uint32_t *loop_of; /* per code position: 1 + innermost loop that contains it; 0 = none */
    uint32_t *tensor_first, *tensor_last;
} placer;

/* A loop of one trip or none is a condition: where it depends on a counter, what it leaves may be wanted in
   later trips of that counter's loop, without being made again in them. */
static void cover_conditions(placer *p, uint32_t tensor, uint32_t at) {
    const ts_program *program = p->b->program;
    for (uint32_t id = p->loop_of[at]; id; id = program->loops.data[id - 1].parent) {
        const ts_count *trip = &program->loops.data[id - 1].trip;
        if (trip->max != 1 || !trip->is_ragged) continue;
        for (uint32_t i = 0; i < trip->limit.term_count; i++) {
            const ts_loop *loop = &program->loops.data[program->terms.data[trip->limit.first_term + i].loop];
            if (loop->begin < p->tensor_first[tensor]) p->tensor_first[tensor] = loop->begin;
            if (loop->end > p->tensor_last[tensor]) p->tensor_last[tensor] = loop->end;
        }
    }
}

static void see_ap(placer *p, ts_ap *ap, uint32_t at) {
    ts_program *program = p->b->program;
    if (ap->space == ts_space_none) return;
    if (ap->space == ts_space_hbm) {
        cover(program, p->loop_of, &p->tensor_first[ap->tensor], &p->tensor_last[ap->tensor], at);
        cover_conditions(p, ap->tensor, at);
        if (ap->index) see_ap(p, &program->indices.data[ap->index - 1], at);
        return;
    }
    ts_tile_info *tile = &p->b->tiles.data[ap->tensor - 1];
    cover(program, p->loop_of, &tile->first, &tile->last, at);
    /* A rotating tile holds all its slots while its loops run: that is what lets trips overlap. */
    if (!ap->offset.rotation) return;
    const ts_affine *index = &program->rotations.data[ap->offset.rotation - 1].index;
    for (uint32_t i = 0; i < index->term_count; i++) {
        const ts_loop *loop = &program->loops.data[program->terms.data[index->first_term + i].loop];
        if (loop->begin < tile->first) tile->first = loop->begin;
        if (loop->end > tile->last) tile->last = loop->end;
    }
}

static void patch_ap(placer *p, ts_ap *ap) {
    if (ap->space != ts_space_sbuf && ap->space != ts_space_psum) return;
    ap->offset.base += p->b->tiles.data[ap->tensor - 1].address;
    ap->tensor = 0;
}

/* Calls `see` or `patch` for each access pattern of an instruction. */
static void each_ap(placer *p, ts_inst *inst, uint32_t at, bool is_patch) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        void *field = (char *)inst + info->fields[i].offset;
        ts_ap *ap = NULL;
        switch (info->fields[i].kind) {
        case ts_kind_dst:
        case ts_kind_src:
        case ts_kind_opt:
        case ts_kind_optdst: ap = field; break;
        case ts_kind_scalar:
            if (((ts_scalar *)field)->is_ap) ap = &((ts_scalar *)field)->ap;
            break;
        default: break;
        }
        if (!ap) continue;
        if (is_patch)
            patch_ap(p, ap);
        else
            see_ap(p, ap, at);
    }
}

static int by_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* Gives each item the lowest address free over its positions; returns the highest end. `active` holds
   the items whose positions are not over, by address. */
static int64_t first_fit(item *items, uint32_t count, uint32_t *active) {
    int64_t top = 0;
    uint32_t live = 0;
    qsort(items, count, sizeof *items, by_first);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kept = 0;
        for (uint32_t j = 0; j < live; j++)
            if (items[active[j]].last >= items[i].first) active[kept++] = active[j];
        live = kept;
        int64_t at = 0;
        uint32_t slot = 0;
        while (slot < live && items[active[slot]].address < at + items[i].bytes) {
            int64_t end = items[active[slot]].address + items[active[slot]].bytes;
            if (end > at) at = end;
            slot++;
        }
        memmove(active + slot + 1, active + slot, (live - slot) * sizeof *active);
        active[slot] = i;
        live++;
        items[i].address = at;
        if (at + items[i].bytes > top) top = at + items[i].bytes;
    }
    return top;
}

static ts_status place_tiles(placer *p, ts_space space, double capacity, ts_arena *scratch, ts_diag *diag) {
    ts_builder *b = p->b;
    if (b->owns_banks) return ts_plan_place_recent(b, space, capacity, diag);
    /* First fit takes fewer bytes, and in PSUM tiles may share a bank. */
    if (space == ts_space_sbuf && ts_plan_place_recent(b, space, capacity, NULL) == ts_ok) return ts_ok;
    item *items = TS_NEW_ARRAY(scratch, item, b->tiles.count);
    uint32_t *active = TS_NEW_ARRAY(scratch, uint32_t, b->tiles.count + 1), count = 0;
    for (uint32_t i = 0; i < b->tiles.count; i++) {
        const ts_tile_info *tile = &b->tiles.data[i];
        if (tile->space != space || tile->first == UNUSED) continue;
        items[count++] =
            (item){.first = tile->first, .last = tile->last, .owner = i, .bytes = tile->bytes * tile->slots};
    }
    int64_t top = first_fit(items, count, active);
    if ((double)top > capacity) {
        ts_fail(diag, ts_capacity,
                "%s: the tiles live at once need %lld bytes a partition, the chip has %.0f",
                ts_space_name(space), (long long)top, capacity);
        ts_diag_remedy(diag, "report the program: tile sizes are the compiler's choice");
        return ts_capacity;
    }
    for (uint32_t i = 0; i < count; i++)
        b->tiles.data[items[i].owner].address = items[i].address;
    return ts_ok;
}

static void place_scratch(placer *p, ts_arena *scratch) {
    ts_program *program = p->b->program;
    item *items = TS_NEW_ARRAY(scratch, item, program->tensors.count);
    uint32_t *active = TS_NEW_ARRAY(scratch, uint32_t, program->tensors.count + 1), count = 0;
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        if (tensor->kind != ts_tensor_scratch) continue;
        bool is_used = p->tensor_first[i] != UNUSED;
        items[count++] = (item){.first = is_used ? p->tensor_first[i] : 0,
                                .last = is_used ? p->tensor_last[i] : 0,
                                .owner = i,
                                .bytes = (int64_t)((tensor->bytes + 63) / 64 * 64)};
    }
    program->scratch_bytes = (uint64_t)first_fit(items, count, active);
    for (uint32_t i = 0; i < count; i++)
        program->tensors.data[items[i].owner].address = (uint64_t)items[i].address;
}

static void find_loops(const ts_program *program, uint32_t *loop_of) {
    uint32_t inner = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        if (inst->op == ts_op_loop) inner = ((const ts_inst_loop *)inst)->id + 1;
        loop_of[at] = inner;
        if (inst->op == ts_op_end) inner = program->loops.data[inner - 1].parent;
    }
}

ts_status ts_plan_place(ts_builder *b, ts_diag *diag) {
    ts_program *program = b->program;
    ts_arena scratch = {0};
    placer p = {.b = b,
                .loop_of = TS_NEW_ARRAY(&scratch, uint32_t, program->code.count + 1),
                .tensor_first = TS_NEW_ARRAY(&scratch, uint32_t, program->tensors.count + 1),
                .tensor_last = TS_NEW_ARRAY(&scratch, uint32_t, program->tensors.count + 1)};
    memset(p.tensor_first, 0xff, (program->tensors.count + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < b->tiles.count; i++)
        b->tiles.data[i].first = UNUSED;
    find_loops(program, p.loop_of);
    for (uint32_t at = 0; at < program->code.count; at++)
        each_ap(&p, program->code.data[at], at, false);
    ts_status status = place_tiles(&p, ts_space_sbuf, b->chip->sbuf_partition_bytes, &scratch, diag);
    if (status == ts_ok)
        status = place_tiles(&p, ts_space_psum, b->chip->psum_partition_bytes, &scratch, diag);
    if (status == ts_ok) {
        place_scratch(&p, &scratch);
        for (uint32_t at = 0; at < program->code.count; at++)
            each_ap(&p, program->code.data[at], at, true);
        for (uint32_t i = 0; i < program->indices.count; i++)
            patch_ap(&p, &program->indices.data[i]);
    }
    ts_arena_free(&scratch);
    return status;
}
