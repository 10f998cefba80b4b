/* Which units of a body must keep their order. Everything here may say yes where no byte is shared, never no
   where one is. */
#include "plan/skew.h"

/* Which loops' trips count for the range of an operand: those inside the body, or all. */
typedef enum loops { inner_loops, all_loops } loops;

static bool is_inner(const ts_skew_body *body, uint32_t loop) {
    const ts_loop *own = &body->program->loops.data[body->loop], *other = &body->program->loops.data[loop];
    return other->begin > own->begin && other->end < own->end;
}

static bool has_inner(const ts_skew_body *body, const ts_affine *affine) {
    for (uint32_t i = 0; i < affine->term_count; i++)
        if (is_inner(body, body->program->terms.data[affine->first_term + i].loop)) return true;
    return false;
}

/* Whether every loop that is not inside the body moves both forms alike. */
static bool is_parallel(const ts_skew_body *body, const ts_affine *a, const ts_affine *b) {
    const ts_affine *forms[2] = {a, b};
    for (int side = 0; side < 2; side++)
        for (uint32_t i = 0; i < forms[side]->term_count; i++) {
            uint32_t loop = body->program->terms.data[forms[side]->first_term + i].loop;
            if (!is_inner(body, loop) &&
                ts_affine_coef(body->program, a, loop) != ts_affine_coef(body->program, b, loop))
                return false;
        }
    return true;
}

typedef struct span {
    int64_t low, high; /* [low, high) */
} span;

static bool spans_meet(span a, span b) {
    return a.low < b.high && b.low < a.high;
}

/* The values of a form, without its rotation, while the given loops make their trips and others stand at 0.
 */
static span range_of(const ts_skew_body *body, const ts_affine *affine, loops which) {
    span range = {affine->base, affine->base};
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &body->program->terms.data[affine->first_term + i];
        if (which == inner_loops && !is_inner(body, term->loop)) continue;
        int64_t reach = term->coef * (body->program->loops.data[term->loop].trip.max - 1);
        *(reach < 0 ? &range.low : &range.high) += reach;
    }
    return range;
}

/* The bytes of an operand, in a partition or in its tensor. */
static span bytes_of(const ts_skew_body *body, const ts_ap *ap, loops which) {
    const int64_t size = ts_dtype_get(ap->dtype)->bytes, unit = ap->space == ts_space_hbm ? size : 1;
    span bytes = range_of(body, &ap->offset, which);
    bytes.low *= unit;
    bytes.high = bytes.high * unit + size;
    for (int i = 0; i < ap->dims; i++) {
        int64_t reach = ap->dim[i].step * (ap->dim[i].count.max - 1) * size;
        *(reach < 0 ? &bytes.low : &bytes.high) += reach;
    }
    return bytes;
}

static span parts_of(const ts_skew_body *body, const ts_ap *ap, loops which) {
    span parts = {0, 1};
    if (ap->space == ts_space_hbm) return parts;
    parts = range_of(body, &ap->part, which);
    parts.high += ap->parts.max;
    return parts;
}

static span moved(span s, int64_t by) {
    return (span){s.low + by, s.high + by};
}

/* The operand with the greatest counts, where loops outside of the body stand at 0. */
static ts_ref whole_ref(const ts_ap *ap, int64_t offset, int64_t part) {
    ts_ref ref = {.space = ap->space, .dtype = ap->dtype, .dims = ap->dims, .parts = 1, .elems = 1};
    ref.offset = offset;
    if (ap->space != ts_space_hbm) ref.part = (int32_t)part, ref.parts = ap->parts.max;
    for (int i = 0; i < ap->dims; i++) {
        ref.step[i] = ap->dim[i].step;
        ref.count[i] = ap->dim[i].count.max;
        ref.elems *= ref.count[i];
    }
    return ref;
}

static bool places_meet(const ts_skew_body *body, const ts_ap *a, const ts_ap *b, int distance) {
    const ts_program *program = body->program;
    if (!is_parallel(body, &a->offset, &b->offset) ||
        (a->space != ts_space_hbm && !is_parallel(body, &a->part, &b->part)))
        return spans_meet(bytes_of(body, a, all_loops), bytes_of(body, b, all_loops)) &&
               spans_meet(parts_of(body, a, all_loops), parts_of(body, b, all_loops));
    const bool is_hbm = a->space == ts_space_hbm;
    const int64_t unit_a = is_hbm ? ts_dtype_get(a->dtype)->bytes : 1,
                  unit_b = is_hbm ? ts_dtype_get(b->dtype)->bytes : 1;
    if (unit_a != unit_b) return true;
    int64_t by = ts_affine_coef(program, &b->offset, body->loop) * distance * unit_b;
    int64_t part_by = is_hbm ? 0 : ts_affine_coef(program, &b->part, body->loop) * distance;
    if (!spans_meet(bytes_of(body, a, inner_loops), moved(bytes_of(body, b, inner_loops), by)) ||
        !spans_meet(parts_of(body, a, inner_loops), moved(parts_of(body, b, inner_loops), part_by)))
        return false;
    if (has_inner(body, &a->offset) || has_inner(body, &b->offset) || has_inner(body, &a->part) ||
        has_inner(body, &b->part))
        return true;
    const ts_ref x = whole_ref(a, a->offset.base * unit_a, a->part.base);
    const ts_ref y = whole_ref(b, b->offset.base * unit_b + by, b->part.base + part_by);
    bool is_exact;
    return ts_ref_overlap(&x, &y, &is_exact);
}

/* Whether the operand stays within one slot of its tile, whatever its slot. */
static bool stays_in_slot(const ts_skew_body *body, const ts_ap *ap) {
    span bytes = bytes_of(body, ap, all_loops);
    return bytes.low >= 0 && bytes.high <= body->tiles[ap->tensor - 1].bytes;
}

/* Two operands of one tile of which at least one rotates. */
static bool slots_meet(const ts_skew_body *body, const ts_ap *a, const ts_ap *b, int distance) {
    if (!a->offset.rotation || !b->offset.rotation) return true;
    const ts_rotation *x = &body->program->rotations.data[a->offset.rotation - 1],
                      *y = &body->program->rotations.data[b->offset.rotation - 1];
    if (x->step != y->step || x->count != y->count || has_inner(body, &x->index) ||
        has_inner(body, &y->index) || !is_parallel(body, &x->index, &y->index))
        return true;
    int64_t ahead =
        y->index.base - x->index.base + ts_affine_coef(body->program, &y->index, body->loop) * distance;
    if (ahead % x->count != 0)
        return x->step != body->tiles[a->tensor - 1].bytes || !stays_in_slot(body, a) ||
               !stays_in_slot(body, b);
    return places_meet(body, a, b, distance);
}

/* Tiles that got no address yet have their bytes to themselves. */
static bool tiles_meet(const ts_skew_body *body, uint32_t a, uint32_t b) {
    return body->tiles[a - 1].is_fixed && body->tiles[b - 1].is_fixed;
}

bool ts_skew_may_meet(const ts_skew_body *body, const ts_ap *a, const ts_ap *b, int distance) {
    if (a->space != b->space) return false;
    if (a->space == ts_space_hbm) {
        uint32_t x = body->places[a->tensor], y = body->places[b->tensor];
        if (x != y) return false;
        if (a->index || b->index || a->offset.rotation || b->offset.rotation) return true;
        return places_meet(body, a, b, distance);
    }
    if (a->tensor != b->tensor) return tiles_meet(body, a->tensor, b->tensor);
    if (a->offset.rotation || b->offset.rotation) return slots_meet(body, a, b, distance);
    return places_meet(body, a, b, distance);
}

/* How long `to` must wait for `from` because of two operands that meet; 0: they do not conflict. */
static ts_time delay_of(const ts_skew_unit *from, const ts_skew_use *a, const ts_skew_unit *to,
                        const ts_skew_use *b) {
    const bool is_same = from->engine && from->engine == to->engine && !from->is_transfer && !to->is_transfer;
    if (!a->is_write && !b->is_write) return 0;
    if (is_same && from->is_product && to->is_product && a->is_write && b->is_write) return 1;
    if (a->is_write && b->is_read) return is_same ? from->again : from->done;
    if (is_same) return 1;
    return a->is_write ? from->done : from->read;
}

/* The delay of `to` after `from`, `distance` trips before; 0: there is none. */
static ts_time find_delay(const ts_skew_body *body, const ts_skew_unit *from, const ts_skew_unit *to,
                          int distance) {
    ts_time longest = 0;
    for (uint32_t i = 0; i < from->use_count; i++)
        for (uint32_t j = 0; j < to->use_count; j++) {
            const ts_skew_use *a = &body->uses.data[from->first_use + i],
                              *b = &body->uses.data[to->first_use + j];
            ts_time delay = delay_of(from, a, to, b);
            if (delay > longest && ts_skew_may_meet(body, a->ap, b->ap, distance)) longest = delay;
        }
    return longest;
}

void ts_skew_find_edges(ts_skew_body *body) {
    for (uint32_t to = 0; to < body->units.count; to++)
        for (uint32_t from = 0; from < body->units.count; from++)
            for (int distance = from >= to; distance <= TS_SKEW_MOST_STAGES; distance++) {
                ts_time delay = find_delay(body, &body->units.data[from], &body->units.data[to], distance);
                if (!delay) continue;
                ts_vec_push(&body->edges, body->arena, ((ts_skew_edge){from, to, distance, delay}));
                break; /* what is further apart waits longer anyway */
            }
}
