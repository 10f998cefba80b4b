/* Liveness over the loop tree, and first fit. */
#include "plan/liveness.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t UNUSED = (uint32_t)TS_TILE_UNUSED;

int ts_live_uses(ts_inst *inst, ts_operand_use *uses) {
    const ts_op_info *info = ts_op_get(inst->op);
    int count = 0;
    for (int i = 0; i < info->field_count; i++) {
        const ts_field *field = &info->fields[i];
        ts_operand_use use;
        use.ap = ts_inst_ap(inst, field, &use.is_write);
        if (!use.ap) continue;
        use.is_read = !use.is_write || field->kind == ts_kind_optdst || ts_inst_keeps_some(inst);
        uses[count++] = use;
    }
    return count;
}

bool ts_live_is_condition(const ts_loop *loop) {
    return loop->trip.max == 1 && loop->trip.is_ragged;
}

uint32_t *ts_live_loops(const ts_program *program, ts_arena *arena) {
    uint32_t *loop_of = TS_NEW_ARRAY(arena, uint32_t, program->code.count + 1), inner = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        if (inst->op == ts_op_loop) inner = ((const ts_inst_loop *)inst)->id + 1;
        loop_of[at] = inner;
        if (inst->op == ts_op_end) inner = program->loops.data[inner - 1].parent;
    }
    return loop_of;
}

void ts_live_cover(const ts_program *program, const uint32_t *loop_of, uint32_t *first, uint32_t *last,
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

void ts_live_see(ts_builder *b, const uint32_t *loop_of, const ts_ap *ap, uint32_t at) {
    const ts_program *program = b->program;
    ts_tile_info *tile = &b->tiles.data[ap->tensor - 1];
    ts_live_cover(program, loop_of, &tile->first, &tile->last, at);
    /* A rotating tile holds all its slots while its loops run: that is what lets trips overlap. */
    if (!ap->offset.rotation) return;
    const ts_affine *index = &program->rotations.data[ap->offset.rotation - 1].index;
    for (uint32_t i = 0; i < index->term_count; i++) {
        const ts_loop *loop = &program->loops.data[program->terms.data[index->first_term + i].loop];
        if (loop->begin < tile->first) tile->first = loop->begin;
        if (loop->end > tile->last) tile->last = loop->end;
    }
}

uint32_t ts_live_tiles(const ts_builder *b, ts_space space, ts_live_item *items) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->tiles.count; i++) {
        const ts_tile_info *tile = &b->tiles.data[i];
        if (tile->space != space || tile->first == UNUSED) continue;
        items[count++] = (ts_live_item){.first = tile->first,
                                        .last = tile->last,
                                        .owner = i,
                                        .bytes = tile->bytes * tile->slots,
                                        .address = tile->is_fixed ? tile->address : 0,
                                        .is_lasting = tile->is_lasting,
                                        .is_fixed = tile->is_fixed};
    }
    return count;
}

static int by_order(const void *a, const void *b) {
    const ts_live_item *x = a, *y = b;
    uint32_t x_length = x->last - x->first, y_length = y->last - y->first;
    if (x->is_fixed != y->is_fixed) return x->is_fixed ? -1 : 1;
    if (x->is_lasting != y->is_lasting) return x->is_lasting ? -1 : 1;
    if (x->is_lasting && x_length != y_length) return x_length > y_length ? -1 : 1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* Puts number `i` among the `live` ones, which are sorted by address. */
static void enter(const ts_live_item *items, uint32_t *list, uint32_t live, uint32_t i) {
    uint32_t slot = live;
    for (; slot > 0 && items[list[slot - 1]].address > items[i].address; slot--)
        list[slot] = list[slot - 1];
    list[slot] = i;
}

static bool meet(const ts_live_item *a, const ts_live_item *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest address for an item beside those of two lists by address that it meets. */
static int64_t lowest(const ts_live_item *items, const ts_live_item *item, const uint32_t *lasting,
                      uint32_t lasting_count, const uint32_t *active, uint32_t live, int64_t at) {
    uint32_t i = 0, j = 0;
    while (i < lasting_count || j < live) {
        bool is_lasting =
            j == live || (i < lasting_count && items[lasting[i]].address <= items[active[j]].address);
        const ts_live_item *other = &items[is_lasting ? lasting[i++] : active[j++]];
        if (!meet(other, item)) continue;
        if (other->address >= at + item->bytes) break;
        if (other->address + other->bytes > at) at = other->address + other->bytes;
    }
    return at;
}

int64_t ts_live_fit(ts_live_item *items, uint32_t count, uint32_t *active, int64_t ring) {
    int64_t top = 0, next = 0;
    uint32_t lasting = 0, live = 0;
    qsort(items, count, sizeof *items, by_order);
    for (uint32_t i = 0; i < count; i++) {
        ts_live_item *item = &items[i];
        uint32_t *others = active + lasting, kept = 0;
        for (uint32_t j = 0; j < live; j++)
            if (items[others[j]].last >= item->first) others[kept++] = others[j];
        live = kept;
        if (item->is_fixed) {
            if (item->address + item->bytes > top) top = item->address + item->bytes;
            enter(items, active, lasting++, i);
            continue;
        }
        int64_t from = item->is_lasting ? 0 : next;
        item->address = lowest(items, item, active, lasting, others, live, from);
        if (from > 0 && item->address + item->bytes > ring)
            item->address = lowest(items, item, active, lasting, others, live, 0);
        next = item->address + item->bytes;
        if (item->is_lasting)
            enter(items, active, lasting++, i);
        else
            enter(items, others, live++, i);
        if (next > top) top = next;
    }
    return top;
}
