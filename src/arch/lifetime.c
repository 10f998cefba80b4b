/* Liveness of tiles over the tree of loops. */
#include "arch/lifetime.h"

#include "arch/isa.h"

int ts_live_uses(ts_inst *inst, ts_operand_use *uses) {
    const ts_op_info *info = ts_op_get(inst->op);
    const bool keeps_some = ts_inst_keeps_some(inst);
    int count = 0;
    for (int i = 0; i < info->field_count; i++) {
        const ts_field *field = &info->fields[i];
        ts_operand_use use;
        use.ap = ts_inst_ap(inst, field, &use.is_write);
        if (!use.ap) continue;
        use.is_read = !use.is_write || field->kind == ts_kind_optdst || keeps_some;
        uses[count++] = use;
    }
    return count;
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
    if (*first == TS_LIVE_NEVER) {
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

void ts_live_cover_rotation(const ts_program *program, const ts_affine *offset, uint32_t *first,
                            uint32_t *last) {
    if (!offset->rotation) return;
    const ts_affine *index = &program->rotations.data[offset->rotation - 1].index;
    for (uint32_t i = 0; i < index->term_count; i++) {
        const ts_loop *loop = &program->loops.data[program->terms.data[index->first_term + i].loop];
        if (loop->begin < *first) *first = loop->begin;
        if (loop->end > *last) *last = loop->end;
    }
}

/* A rectangle: bytes [low, high) of partitions [part, end). */
typedef struct box {
    int64_t low, high, part, end;
} box;

/* What the walk over the program collects about a tile. */
typedef struct sight {
    uint32_t at;        /* position of the first instruction that names it */
    uint32_t low, high; /* range from there on, extended over the loops that slot indices count */
    uint32_t rotation;  /* of the first operand */
    bool is_mixed;      /* another operand uses another slot */
    uint32_t loop;      /* of the first instruction */
    bool varies;        /* the place of some operand depends on loop counters */
    bool is_read_first; /* by the first instruction */
    box all, set;       /* bytes of all operands; bytes that the first instruction writes without gaps */
    const ts_ap
        *ragged; /* what the first instruction writes where a count depends on loops; NULL: none does */
} sight;

typedef struct survey {
    const ts_program *program;
    uint32_t *loop_of;
    ts_tile_life *lives;
    sight *sights;
} survey;

/* Whether the operand's place depends on no loop, except for its slot. */
static bool is_plain(const ts_ap *ap) {
    bool is = ap->offset.term_count == 0 && ts_affine_is_constant(&ap->part) && !ap->parts.is_ragged;
    for (int i = 0; i < ap->dims; i++)
        is &= !ap->dim[i].count.is_ragged;
    return is;
}

static bool is_same_count(const ts_program *program, const ts_count *a, const ts_count *b) {
    return a->max == b->max && a->is_ragged == b->is_ragged &&
           (!a->is_ragged || ts_affine_same(program, &a->limit, &b->limit));
}

/* Whether two operands name the same bytes in every trip, except for their slot. */
static bool is_same_place(const ts_program *program, const ts_ap *a, const ts_ap *b) {
    bool is = a->dtype == b->dtype && a->dims == b->dims && a->offset.base == b->offset.base &&
              a->offset.term_count == 0 && b->offset.term_count == 0 &&
              ts_affine_same(program, &a->part, &b->part) && is_same_count(program, &a->parts, &b->parts);
    for (int i = 0; is && i < a->dims; i++)
        is = a->dim[i].step == b->dim[i].step && is_same_count(program, &a->dim[i].count, &b->dim[i].count);
    return is;
}

/* The rectangle around a plain operand. Returns whether it fills the rectangle without gaps. */
static bool bound(const ts_ap *ap, box *b) {
    int64_t size = ts_dtype_get(ap->dtype)->bytes, elems = 1;
    bool is_dense = true;
    *b = (box){ap->offset.base, ap->offset.base + size, ap->part.base, ap->part.base + ap->parts.max};
    for (int i = ap->dims; i-- > 0; elems *= ap->dim[i].count.max) {
        int64_t reach = ap->dim[i].step * (ap->dim[i].count.max - 1) * size;
        is_dense &= ap->dim[i].count.max == 1 || ap->dim[i].step == elems;
        *(reach < 0 ? &b->low : &b->high) += reach;
    }
    return is_dense;
}

static void join(box *all, const box *b) {
    if (b->low < all->low) all->low = b->low;
    if (b->high > all->high) all->high = b->high;
    if (b->part < all->part) all->part = b->part;
    if (b->end > all->end) all->end = b->end;
}

static void see_bytes(const ts_program *program, sight *seen, const ts_ap *ap, bool is_read, bool is_first) {
    box b;
    if (is_first && !is_read && !is_plain(ap) && !seen->varies && seen->all.end == 0 && !seen->ragged)
        seen->ragged = ap;
    if (!is_plain(ap) || seen->ragged) {
        seen->varies |= !seen->ragged || !is_same_place(program, seen->ragged, ap);
        return;
    }
    bool is_dense = bound(ap, &b);
    if (is_first && !is_read && is_dense) seen->set = b;
    if (seen->all.end == 0) seen->all = b;
    join(&seen->all, &b);
}

static void see(const survey *s, const ts_ap *ap, bool is_read, bool is_written, uint32_t at) {
    if (ap->space == ts_space_hbm && ap->index)
        see(s, &s->program->indices.data[ap->index - 1], true, false, at);
    if (ap->space == ts_space_hbm || ap->space == ts_space_none || ap->tensor == 0) return;
    ts_tile_life *life = &s->lives[ap->tensor - 1];
    sight *seen = &s->sights[ap->tensor - 1];
    if (life->first == TS_LIVE_NEVER)
        *seen =
            (sight){.at = at, .low = at, .high = at, .loop = s->loop_of[at], .rotation = ap->offset.rotation};
    life->uses++;
    if (at != seen->at) {
        life->readers |= UINT64_C(1) << s->program->code.data[at]->op;
        life->is_kept |= is_written || s->loop_of[at] != seen->loop;
    }
    seen->is_mixed |= seen->rotation != ap->offset.rotation;
    seen->is_read_first |= is_read && at == seen->at;
    see_bytes(s->program, seen, ap, is_read, at == seen->at);
    seen->varies |= seen->ragged && s->loop_of[at] != seen->loop; /* counters may differ by then */
    ts_live_cover_rotation(s->program, &ap->offset, &seen->low, &seen->high);
    ts_live_cover(s->program, s->loop_of, &life->first, &life->last, at);
}

static void conclude(const sight *seen, uint32_t slots, ts_tile_life *life) {
    life->is_one_slot = slots > 1 && seen->rotation && !seen->is_mixed;
    life->is_set_whole = !seen->varies && !seen->is_read_first &&
                         (life->is_one_slot || (!seen->rotation && !seen->is_mixed)) &&
                         seen->set.low <= seen->all.low && seen->set.high >= seen->all.high &&
                         seen->set.part <= seen->all.part && seen->set.end >= seen->all.end;
    if (life->is_one_slot) return;
    if (seen->low < life->first) life->first = seen->low;
    if (seen->high > life->last) life->last = seen->high;
}

/* Whether the destination is an addend, and so is read as well. */
static bool is_added_to(const ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++)
        if (info->fields[i].kind == ts_kind_accum)
            return ((const ts_accum *)((const char *)inst + info->fields[i].offset))->mode == ts_accum_always;
    return false;
}

_Static_assert(ts_op_count <= 64, "a bit for each");
ts_tile_life *ts_tile_lives(const ts_program *program, ts_arena *arena) {
    const uint32_t count = program->tiles.count;
    survey s = {.program = program,
                .loop_of = ts_live_loops(program, arena),
                .lives = TS_NEW_ARRAY(arena, ts_tile_life, count + 1),
                .sights = TS_NEW_ARRAY(arena, sight, count + 1)};
    for (uint32_t i = 0; i < count; i++)
        s.lives[i].first = TS_LIVE_NEVER;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_operand_use uses[TS_MOST_USES];
        ts_inst *inst = program->code.data[at];
        int used = ts_live_uses(inst, uses);
        for (int i = 0; i < used; i++)
            see(&s, uses[i].ap, uses[i].is_read || (uses[i].is_write && is_added_to(inst)), uses[i].is_write,
                at);
    }
    for (uint32_t i = 0; i < count; i++)
        if (s.lives[i].first != TS_LIVE_NEVER)
            conclude(&s.sights[i], program->tiles.data[i].slots, &s.lives[i]);
    return s.lives;
}
