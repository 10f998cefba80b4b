/* ts_program: creation, and the values of affine forms, counts and operands at one point. */
#include "arch/program.h"

#include <string.h>

ts_program *ts_program_new(const char *name, const char *chip) {
    ts_arena arena = {0};
    ts_program *program = TS_NEW(&arena, ts_program);
    program->arena = arena;
    program->name = ts_arena_string(&program->arena, name);
    program->chip = ts_arena_string(&program->arena, chip);
    program->ranks = 1;
    ts_loc unknown = {.file = "", .name = ""};
    ts_vec_push(&program->locs, &program->arena, unknown);
    return program;
}

void ts_program_free(ts_program *program) {
    if (!program) return;
    ts_arena arena = program->arena; /* the program itself lies in its arena */
    ts_arena_free(&arena);
}

int64_t ts_affine_value(const ts_program *program, const ts_affine *affine, const int64_t *counters) {
    return ts_affine_at(program, affine, counters);
}

int64_t ts_affine_coef(const ts_program *program, const ts_affine *affine, uint32_t loop) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &program->terms.data[affine->first_term + i];
        if (term->loop == loop) sum += term->coef;
    }
    return sum;
}

bool ts_affine_same(const ts_program *program, const ts_affine *a, const ts_affine *b) {
    if (a->base != b->base || a->term_count != b->term_count || a->rotation != b->rotation) return false;
    for (uint32_t i = 0; i < a->term_count; i++) {
        const ts_term *x = &program->terms.data[a->first_term + i];
        const ts_term *y = &program->terms.data[b->first_term + i];
        if (x->coef != y->coef || x->loop != y->loop) return false;
    }
    return true;
}

uint32_t ts_tensor_place(const ts_program *program, uint32_t tensor) {
    const ts_tensor *all = program->tensors.data, *own = &all[tensor];
    if (own->kind != ts_tensor_output || own->alias < 0) return tensor;
    for (uint32_t i = 0; i < program->tensors.count; i++)
        if (all[i].kind == ts_tensor_input && all[i].number == (uint32_t)own->alias) return i;
    return tensor;
}

int64_t ts_count_value(const ts_program *program, const ts_count *count, const int64_t *counters) {
    if (!count->is_ragged) return count->max;
    int64_t limit = ts_affine_value(program, &count->limit, counters);
    if (limit > count->max) limit = count->max;
    return limit < 0 ? 0 : limit;
}

void ts_ap_resolve(const ts_program *program, const ts_ap *ap, const int64_t *counters, ts_ref *ref) {
    memset(ref, 0, sizeof *ref);
    ref->space = ap->space;
    ref->dtype = ap->dtype;
    ref->dims = ap->dims;
    ref->parts = 1;
    ref->offset = ts_affine_value(program, &ap->offset, counters);
    if (ap->space == ts_space_hbm) {
        ref->tensor = ap->tensor;
        ref->offset *= ts_dtype_get(ap->dtype)->bytes;
        if (ap->index) {
            ref->index = &program->indices.data[ap->index - 1];
            ref->index_step = ap->index_step;
        }
    } else {
        ref->part = (int32_t)ts_affine_value(program, &ap->part, counters);
        ref->parts = (int32_t)ts_count_value(program, &ap->parts, counters);
    }
    ref->elems = 1;
    for (int i = 0; i < TS_AP_DIMS; i++) {
        ref->count[i] = i < ap->dims ? ts_count_value(program, &ap->dim[i].count, counters) : 1;
        ref->step[i] = i < ap->dims ? ap->dim[i].step : 0;
        ref->elems *= ref->count[i];
    }
}

/* Whether a file belongs to the Python library or an installed package, not to the user. */
static bool is_internal(const char *file) {
    static const char *const marks[] = {"/site-packages/", "/dist-packages/", "/jax/_src/", "/lib/python3"};
    if (file[0] == '<') return true;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(file, marks[i])) return true;
    return false;
}

uint32_t ts_loc_user(const ts_loc *locs, uint32_t count, uint32_t loc) {
    uint32_t innermost = 0;
    /* The number of steps is limited because a damaged table could contain a ring. */
    for (uint32_t steps = 0; loc < count && steps < count; steps++) {
        const ts_loc *row = &locs[loc];
        if (row->file && row->file[0]) {
            if (!is_internal(row->file)) return loc;
            if (!innermost) innermost = loc;
        }
        if (row->parent == 0) break;
        loc = row->parent - 1;
    }
    return innermost;
}
