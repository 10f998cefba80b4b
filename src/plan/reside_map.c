/* Maps offsets in a tile to offsets in a resident tensor. */
#include "plan/reside.h"

#include "arch/dtype.h"

/* Converts a distance of `elements` in the tensor to bytes in its partition. It must be a multiple of whole
   rows over all partitions, or stay within a row (is_column). */
static bool measure(const ts_reside_form *form, int64_t elements, bool *is_column, int64_t *bytes) {
    int64_t all = form->row * form->parts;
    *is_column = elements % all != 0;
    *bytes = (*is_column ? elements : elements / form->parts) * form->bytes;
    return elements >= 0 && (!*is_column || elements < form->row);
}

static int64_t base_bytes(const ts_reside_form *form, int64_t base) {
    int64_t all = form->row * form->parts;
    return (base / all * form->row + base % all) * form->bytes;
}

bool ts_reside_lies(const ts_program *program, const ts_reside_form *form, const ts_ap *hbm,
                    ts_reside_columns *columns) {
    bool is_column;
    int64_t bytes, column = hbm->offset.base % (form->row * form->parts);
    columns->first = column;
    if (hbm->dims == 0 || hbm->index || hbm->offset.rotation || hbm->offset.base < 0) return false;
    if (hbm->dim[0].step != form->row || hbm->dim[0].count.max > form->parts) return false;
    for (uint32_t i = 0; i < hbm->offset.term_count; i++) {
        const ts_term *term = &program->terms.data[hbm->offset.first_term + i];
        if (!measure(form, term->coef, &is_column, &bytes)) return false;
        if (is_column) column += term->coef * (program->loops.data[term->loop].trip.max - 1);
    }
    for (int i = 1; i < hbm->dims; i++) {
        if (!measure(form, hbm->dim[i].step, &is_column, &bytes)) return false;
        if (is_column) column += hbm->dim[i].step * (hbm->dim[i].count.max - 1);
    }
    columns->last = column;
    return column < form->row;
}

static bool add_digit(ts_reside_map *map, int64_t count, int64_t from, int64_t to) {
    if (map->digits == TS_RESIDE_DIGITS) return false;
    map->count[map->digits] = count;
    map->from[map->digits] = from;
    map->to[map->digits++] = to;
    map->is_shift &= count == 1 || from == to;
    return true;
}

static void reverse(ts_reside_map *map) {
    for (int i = 0, j = map->digits - 1; i < j; i++, j--) {
        int64_t count = map->count[i], from = map->from[i], to = map->to[i];
        map->count[i] = map->count[j], map->from[i] = map->from[j], map->to[i] = map->to[j];
        map->count[j] = count, map->from[j] = from, map->to[j] = to;
    }
}

/* Both operands visit the same elements in the same order, but their dimensions may be cut differently. */
bool ts_reside_join(const ts_reside_form *form, const ts_ap *tile, const ts_ap *hbm, ts_reside_map *map) {
    int t = tile->dims - 1, h = hbm->dims - 1;
    int64_t t_left = t >= 0 ? tile->dim[t].count.max : 1, h_left = h >= 1 ? hbm->dim[h].count.max : 1;
    int64_t t_step = t >= 0 ? tile->dim[t].step : 1, h_step = h >= 1 ? hbm->dim[h].step : 1, to;
    bool is_column;
    *map = (ts_reside_map){.is_shift = true};
    while (t >= 0 && h >= 1) {
        int64_t count = t_left < h_left ? t_left : h_left;
        if (count == 0 || t_left % count != 0 || h_left % count != 0) return false;
        if (!measure(form, h_step, &is_column, &to)) return false;
        if (!add_digit(map, count, t_step * form->bytes, to)) return false;
        t_left /= count, t_step *= count;
        h_left /= count, h_step *= count;
        if (t_left == 1 && --t >= 0) t_left = tile->dim[t].count.max, t_step = tile->dim[t].step;
        if (h_left == 1 && --h >= 1) h_left = hbm->dim[h].count.max, h_step = hbm->dim[h].step;
    }
    for (; t >= 0; t--)
        if (tile->dim[t].count.max != 1) return false;
    for (; h >= 1; h--)
        if (hbm->dim[h].count.max != 1) return false;
    reverse(map);
    return true;
}

/* Converts a distance of `from` bytes in the tile to `*to` bytes in the tensor, and adds to `most` how far
   the digits move in `times` such steps. */
static bool convert(const ts_reside_map *map, int64_t from, int64_t times, int64_t *most, int64_t *to) {
    *to = from;
    if (map->is_shift) return true;
    if (from < 0) return false;
    *to = 0;
    for (int i = 0; i < map->digits; i++) {
        if (map->count[i] == 1) continue;
        if (map->from[i] <= 0) return false;
        int64_t digit = from / map->from[i];
        from -= digit * map->from[i];
        *to += digit * map->to[i];
        most[i] += digit * times;
    }
    int inner = map->digits - 1; /* an offset within an element stays as it is */
    *to += from;
    return from == 0 || map->from[inner] == map->to[inner];
}

static int64_t size_of(const ts_ap *ap) {
    return ts_dtype_get((ts_dtype)ap->dtype)->bytes;
}

/* For a shift over a contiguous range: whether the operand stays within what the DMA moves. */
static bool is_inside(const ts_nesting *nest, const ts_reside_map *map, int64_t base, const ts_ap *ap) {
    int64_t size = 1;
    for (int i = map->digits; i-- > 0;) {
        if (map->count[i] == 1) continue;
        if (size == 1) size = map->from[i];
        if (map->from[i] != size) return false;
        size *= map->count[i];
    }
    if (size == 1) size = size_of(ap);
    ts_affine offset = ap->offset;
    ts_form start;
    ts_span spans[TS_MAX_SPANS];
    ts_wide low, high;
    offset.base -= base;
    offset.rotation = 0;
    for (int i = 0; i < ap->dims; i++)
        spans[i] = (ts_span){.step = ap->dim[i].step * size_of(ap), .count = &ap->dim[i].count};
    return ts_form_of(nest, &offset, &start) && ts_reach(nest, &start, spans, ap->dims, &low, &high) &&
           low >= 0 && high + size_of(ap) <= size;
}

bool ts_reside_takes(const ts_nesting *nest, const ts_reside_map *map, int64_t base, const ts_ap *ap) {
    const ts_program *program = nest->program;
    int64_t most[TS_RESIDE_DIGITS] = {0}, to;
    if (map->is_shift) return is_inside(nest, map, base, ap);
    if (!convert(map, ap->offset.base - base, 1, most, &to)) return false;
    for (uint32_t i = 0; i < ap->offset.term_count; i++) {
        const ts_term *term = &program->terms.data[ap->offset.first_term + i];
        int64_t times = program->loops.data[term->loop].trip.max - 1;
        if (!convert(map, term->coef, times, most, &to)) return false;
    }
    for (int i = 0; i < ap->dims; i++) {
        if (!convert(map, ap->dim[i].step * size_of(ap), ap->dim[i].count.max - 1, most, &to)) return false;
        if (to % size_of(ap) != 0 || to / size_of(ap) > INT16_MAX) return false;
    }
    for (int i = 0; i < map->digits; i++)
        if (most[i] >= map->count[i]) return false;
    return true;
}

static const ts_affine *index_of(const ts_program *program, const ts_ap *own) {
    static const ts_affine none;
    return own->offset.rotation ? &program->rotations.data[own->offset.rotation - 1].index : &none;
}

int64_t ts_reside_stride(const ts_program *program, const ts_ap *hbm, const ts_ap *own) {
    const ts_affine *index = index_of(program, own);
    if (index->term_count == 0) return 0;
    const ts_term *term = &program->terms.data[index->first_term];
    int64_t coef = ts_affine_coef(program, &hbm->offset, term->loop);
    return term->coef != 0 && coef % term->coef == 0 ? coef / term->coef : 0;
}

bool ts_reside_begin(const ts_program *program, const ts_ap *hbm, const ts_ap *own, int64_t stride,
                     ts_reside_start *start) {
    const ts_affine *index = index_of(program, own);
    *start = (ts_reside_start){.base = hbm->offset.base - stride * index->base, .stride = stride};
    for (uint32_t i = 0; stride != 0 && i < index->term_count; i++) {
        uint32_t loop = program->terms.data[index->first_term + i].loop;
        if (ts_affine_coef(program, &hbm->offset, loop) != stride * ts_affine_coef(program, index, loop))
            return false;
    }
    for (uint32_t i = 0; i < hbm->offset.term_count; i++) {
        const ts_term *term = &program->terms.data[hbm->offset.first_term + i];
        if (stride != 0 && ts_affine_coef(program, index, term->loop) != 0) continue;
        if (start->terms == TS_MAX_LOOP_DEPTH) return false;
        start->term[start->terms++] = *term;
    }
    return start->base >= 0;
}

void ts_reside_patch(ts_builder *b, const ts_reside_form *form, const ts_reside_map *map, int64_t base,
                     const ts_reside_start *start, ts_tile resident, ts_ap *ap) {
    int64_t unused[TS_RESIDE_DIGITS] = {0}, to;
    bool is_column;
    convert(map, ap->offset.base - base, 0, unused, &to);
    ts_affine offset = ts_affine_const(base_bytes(form, start->base) + to);
    for (int i = 0; i < start->terms; i++) {
        measure(form, start->term[i].coef, &is_column, &to);
        offset = ts_build_term(b, offset, to, start->term[i].loop);
    }
    measure(form, start->stride, &is_column, &to);
    if (to != 0) offset = ts_build_sum(b, offset, *index_of(b->program, ap), to);
    for (uint32_t i = 0; i < ap->offset.term_count; i++) {
        ts_term term = b->program->terms.data[ap->offset.first_term + i];
        convert(map, term.coef, 0, unused, &to);
        offset = ts_build_term(b, offset, to, term.loop);
    }
    for (int i = 0; i < ap->dims; i++) {
        convert(map, ap->dim[i].step * size_of(ap), 0, unused, &to);
        ap->dim[i].step = to / size_of(ap);
    }
    ap->offset = offset;
    ap->tensor = resident;
}
