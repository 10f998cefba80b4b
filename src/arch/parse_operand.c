/* Parser of .trn text: affine forms, counts, operands and fields of instructions. */
#include <string.h>

#include "arch/trn_parse.h"
#include "base/file.h"

/* ---- hash tables: tensors by name, rotations by value ---- */

/* The slot of `name`, or the free slot where it belongs. The table's size is a power of two, and it is never
   full. */
static uint32_t *tensor_slot(const ts_parser *p, const char *name) {
    uint32_t mask = p->tensor_slot_count - 1, at = (uint32_t)ts_hash(name, strlen(name), 0) & mask;
    while (p->tensor_slots[at] && strcmp(p->program->tensors.data[p->tensor_slots[at] - 1].name, name) != 0)
        at = (at + 1) & mask;
    return &p->tensor_slots[at];
}

bool ts_parse_declare(ts_parser *p, const char *name) {
    uint32_t count = p->program->tensors.count;
    if (2 * (count + 1) > p->tensor_slot_count) {
        p->tensor_slot_count = p->tensor_slot_count ? 4 * p->tensor_slot_count : 256;
        p->tensor_slots = TS_NEW_ARRAY(&p->scratch, uint32_t, p->tensor_slot_count);
        for (uint32_t i = 0; i < count; i++)
            *tensor_slot(p, p->program->tensors.data[i].name) = i + 1;
    }
    uint32_t *slot = tensor_slot(p, name);
    if (*slot) return false;
    *slot = count + 1;
    return true;
}

static uint64_t hash_rotation(const ts_program *program, const ts_rotation *rotation) {
    uint64_t hash = ts_hash(&rotation->step, sizeof rotation->step, (uint64_t)rotation->count);
    hash = ts_hash(&rotation->index.base, sizeof rotation->index.base, hash);
    for (uint32_t i = 0; i < rotation->index.term_count; i++) {
        const ts_term *term = &program->terms.data[rotation->index.first_term + i];
        hash = ts_hash(&term->coef, sizeof term->coef, hash);
        hash = ts_hash(&term->loop, sizeof term->loop, hash);
    }
    return hash;
}

/* The slot of an equal rotation, or the free slot where it belongs. */
static uint32_t *rotation_slot(ts_parser *p, const ts_rotation *rotation) {
    const ts_program *program = p->program;
    uint32_t slot = (uint32_t)hash_rotation(program, rotation) & (p->rotation_slot_count - 1);
    for (; p->rotation_slots[slot]; slot = (slot + 1) & (p->rotation_slot_count - 1)) {
        const ts_rotation *row = &program->rotations.data[p->rotation_slots[slot] - 1];
        if (row->step == rotation->step && row->count == rotation->count &&
            ts_affine_same(program, &row->index, &rotation->index))
            break;
    }
    return &p->rotation_slots[slot];
}

/* Keeps at least half of the slots free. */
static void grow_rotations(ts_parser *p) {
    const ts_program *program = p->program;
    if (p->rotation_slots && program->rotations.count < p->rotation_slot_count / 2) return;
    p->rotation_slot_count = p->rotation_slots ? 2 * p->rotation_slot_count : 1024;
    p->rotation_slots = TS_NEW_ARRAY(&p->scratch, uint32_t, p->rotation_slot_count);
    for (uint32_t i = 0; i < program->rotations.count; i++)
        *rotation_slot(p, &program->rotations.data[i]) = i + 1;
}

/* Gives equal rotations the same row, because an affine form has only 24 bits to number them. */
static ts_status intern_rotation(ts_parser *p, const ts_rotation *rotation, const char *at, uint32_t *index) {
    ts_program *program = p->program;
    grow_rotations(p);
    uint32_t *slot = rotation_slot(p, rotation);
    if (!*slot) {
        if (program->rotations.count == TS_MOST_ROTATIONS)
            return ts_scan_refuse(&p->scan, at, "more than %d different rotations", TS_MOST_ROTATIONS);
        ts_vec_push(&program->rotations, &program->arena, *rotation);
        *slot = program->rotations.count;
    }
    *index = *slot;
    return ts_ok;
}

/* ---- affine forms and counts ---- */

static ts_status parse_loop_name(ts_parser *p, uint32_t *loop) {
    const char *name;
    size_t length;
    TS_TRY(ts_scan_expect(&p->scan, "%"));
    TS_TRY(ts_scan_word(&p->scan, &name, &length, "the name of a loop"));
    for (int i = p->depth; i-- > 0;)
        if (p->open[i].length == length && memcmp(p->open[i].name, name, length) == 0) {
            *loop = p->open[i].loop;
            return ts_ok;
        }
    return ts_scan_refuse(&p->scan, name, "no loop %%%.*s is open here", length < 40 ? (int)length : 40,
                          name);
}

/* Optional signs and a number. has_number is false when there are only signs. */
static ts_status parse_coef(ts_parser *p, int64_t *coef, bool *has_number) {
    bool is_negative = false;
    uint64_t size = 1;
    const char *start = p->scan.at;
    if (ts_scan_take(&p->scan, "-"))
        is_negative = true;
    else
        ts_scan_take(&p->scan, "+");
    ts_scan_space(&p->scan);
    *has_number = *p->scan.at >= '0' && *p->scan.at <= '9';
    if (*has_number) TS_TRY(ts_scan_u64(&p->scan, &size, "a number"));
    if (size > (uint64_t)INT64_MAX + is_negative)
        return ts_scan_refuse(&p->scan, start, "a number outside 64 bits");
    *coef = is_negative ? (int64_t)(0 - size) : (int64_t)size;
    return ts_ok;
}

static ts_status parse_affine(ts_parser *p, ts_affine *affine, bool is_index);

/* (INDEX mod COUNT), after the coefficient. */
static ts_status parse_rotation(ts_parser *p, int64_t step, const char *at, ts_affine *affine) {
    ts_rotation rotation = {.step = step};
    int64_t count;
    if (affine->rotation) return ts_scan_refuse(&p->scan, at, "an offset has at most one (... mod ...)");
    TS_TRY(ts_scan_expect(&p->scan, "("));
    TS_TRY(parse_affine(p, &rotation.index, true));
    TS_TRY(ts_scan_expect(&p->scan, "mod"));
    TS_TRY(ts_scan_i64(&p->scan, 1, INT32_MAX, &count, "the number of slots"));
    TS_TRY(ts_scan_expect(&p->scan, ")"));
    rotation.count = (int32_t)count;
    uint32_t index = 0;
    TS_TRY(intern_rotation(p, &rotation, at, &index));
    affine->rotation = index & TS_MOST_ROTATIONS;
    return ts_ok;
}

/* NUMBER | [NUMBER *] %LOOP | [NUMBER *] (AFFINE mod N), joined by + and -. */
static ts_status parse_affine(ts_parser *p, ts_affine *affine, bool is_index) {
    ts_term terms[TS_MOST_TERMS];
    uint32_t count = 0;
    *affine = (ts_affine){0};
    for (;;) {
        int64_t coef = 1;
        bool has_number;
        ts_scan_space(&p->scan);
        const char *start = p->scan.at;
        TS_TRY(parse_coef(p, &coef, &has_number));
        bool has_star = has_number && ts_scan_take(&p->scan, "*");
        ts_scan_space(&p->scan);
        if (*p->scan.at == '%' && (has_star || !has_number)) {
            if (count == TS_MOST_TERMS)
                return ts_scan_refuse(&p->scan, start, "an offset has at most %d terms", TS_MOST_TERMS);
            terms[count].coef = coef;
            TS_TRY(parse_loop_name(p, &terms[count++].loop));
        } else if (*p->scan.at == '(' && (has_star || !has_number) && !is_index) {
            TS_TRY(parse_rotation(p, coef, start, affine));
        } else if (has_star || !has_number) {
            return ts_scan_fail(&p->scan,
                                has_star ? "a loop, as in %%0, or (... mod ...)" : "a number or a loop");
        } else if (__builtin_add_overflow(affine->base, coef, &affine->base)) {
            return ts_scan_refuse(&p->scan, start, "a sum outside 64 bits");
        }
        ts_scan_space(&p->scan);
        if (*p->scan.at != '+' && *p->scan.at != '-') break;
    }
    affine->first_term = p->program->terms.count;
    affine->term_count = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++)
        ts_vec_push(&p->program->terms, &p->program->arena, terms[i]);
    return ts_ok;
}

ts_status ts_parse_count(ts_parser *p, ts_count *count) {
    int64_t max;
    *count = (ts_count){0};
    count->is_ragged = ts_scan_take(&p->scan, "min");
    if (count->is_ragged) TS_TRY(ts_scan_expect(&p->scan, "("));
    TS_TRY(ts_scan_i64(&p->scan, 0, INT32_MAX, &max, "a count"));
    count->max = (int32_t)max;
    if (!count->is_ragged) return ts_ok;
    TS_TRY(ts_scan_expect(&p->scan, ","));
    TS_TRY(parse_affine(p, &count->limit, false));
    return ts_scan_expect(&p->scan, ")");
}

/* ---- operands ---- */

ts_status ts_parse_dtype(ts_parser *p, uint8_t *dtype) {
    const char *name;
    size_t length;
    TS_TRY(ts_scan_word(&p->scan, &name, &length, "a dtype"));
    *dtype = (uint8_t)ts_dtype_parse(name, length);
    if (*dtype != ts_dtype_none) return ts_ok;
    p->scan.at = name;
    return ts_scan_fail(&p->scan, "a dtype such as f32, bf16 or i32");
}

static ts_status parse_tensor_name(ts_parser *p, ts_ap *ap) {
    const char *name;
    ts_scan_space(&p->scan);
    const char *start = p->scan.at;
    TS_TRY(ts_scan_name(&p->scan, &p->scratch, &name, "the name of a tensor"));
    uint32_t slot = p->tensor_slot_count ? *tensor_slot(p, name) : 0;
    if (slot == 0) return ts_scan_refuse(&p->scan, start, "tensor %.80s is not declared above", name);
    ap->tensor = slot - 1;
    return ts_ok;
}

/* [tileN] pPART:COUNT */
static ts_status parse_partitions(ts_parser *p, ts_ap *ap) {
    ts_scan_space(&p->scan);
    if (strncmp(p->scan.at, "tile", 4) == 0) {
        int64_t tile;
        p->scan.at += 4;
        TS_TRY(ts_scan_i64(&p->scan, 1, UINT32_MAX, &tile, "the number of a tile"));
        ap->tensor = (uint32_t)tile;
        ts_scan_space(&p->scan);
    }
    if (*p->scan.at != 'p') return ts_scan_fail(&p->scan, "partitions, as in p0:128");
    p->scan.at++;
    TS_TRY(parse_affine(p, &ap->part, false));
    TS_TRY(ts_scan_expect(&p->scan, ":"));
    return ts_parse_count(p, &ap->parts);
}

static ts_status parse_pattern(ts_parser *p, ts_ap *ap) {
    for (;;) {
        ts_scan_space(&p->scan);
        if (*p->scan.at == ']' || *p->scan.at == 'b') return ts_ok;
        if (ap->dims == TS_AP_DIMS)
            return ts_scan_refuse(&p->scan, p->scan.at, "an operand has at most %d free dimensions",
                                  TS_AP_DIMS);
        if ((*p->scan.at < '0' || *p->scan.at > '9') && *p->scan.at != 'm')
            return ts_scan_fail(&p->scan, "COUNT@STEP or ']'");
        ts_dim *dim = &ap->dim[ap->dims++];
        dim->step = 1;
        TS_TRY(ts_parse_count(p, &dim->count));
        if (ts_scan_take(&p->scan, "@"))
            TS_TRY(ts_scan_i64(&p->scan, INT64_MIN, INT64_MAX, &dim->step, "a step"));
    }
}

static ts_status parse_ap(ts_parser *p, ts_ap *ap, bool is_index);

static ts_status parse_index(ts_parser *p, ts_ap *ap) {
    ts_ap index;
    TS_TRY(ts_scan_i64(&p->scan, INT64_MIN, INT64_MAX, &ap->index_step, "the step of an index"));
    TS_TRY(ts_scan_expect(&p->scan, "*"));
    TS_TRY(parse_ap(p, &index, true));
    ts_vec_push(&p->program->indices, &p->program->arena, index);
    ap->index = p->program->indices.count;
    return ts_ok;
}

/* SPACE.DTYPE[WHERE +OFFSET COUNT@STEP... [by STEP*OPERAND]] */
static ts_status parse_ap(ts_parser *p, ts_ap *ap, bool is_index) {
    *ap = (ts_ap){0};
    if (ts_scan_take(&p->scan, "sbuf"))
        ap->space = ts_space_sbuf;
    else if (ts_scan_take(&p->scan, "psum"))
        ap->space = ts_space_psum;
    else if (!is_index && ts_scan_take(&p->scan, "hbm"))
        ap->space = ts_space_hbm;
    else
        return ts_scan_fail(&p->scan, is_index ? "an operand in sbuf" : "an operand in sbuf, psum or hbm");
    TS_TRY(ts_scan_expect(&p->scan, "."));
    TS_TRY(ts_parse_dtype(p, &ap->dtype));
    TS_TRY(ts_scan_expect(&p->scan, "["));
    if (ap->space == ts_space_hbm) {
        ap->parts.max = 1;
        TS_TRY(parse_tensor_name(p, ap));
    } else {
        TS_TRY(parse_partitions(p, ap));
    }
    ts_scan_space(&p->scan);
    if (*p->scan.at != '+' && *p->scan.at != '-') return ts_scan_fail(&p->scan, "+OFFSET");
    TS_TRY(parse_affine(p, &ap->offset, false));
    TS_TRY(parse_pattern(p, ap));
    if (ap->space == ts_space_hbm && ts_scan_take(&p->scan, "by")) TS_TRY(parse_index(p, ap));
    return ts_scan_expect(&p->scan, "]");
}

/* ---- fields ---- */

static bool starts_operand(ts_parser *p) {
    ts_scan_space(&p->scan);
    return strncmp(p->scan.at, "sbuf", 4) == 0 || strncmp(p->scan.at, "psum", 4) == 0 ||
           strncmp(p->scan.at, "hbm", 3) == 0;
}

static ts_status parse_accum(ts_parser *p, ts_accum *accum) {
    if (ts_scan_take(&p->scan, "always"))
        accum->mode = ts_accum_always;
    else if (ts_scan_take(&p->scan, "never"))
        accum->mode = ts_accum_never;
    else if (ts_scan_take(&p->scan, "unless_first"))
        accum->mode = ts_accum_unless_first;
    else
        return ts_scan_fail(&p->scan, "always, never or unless_first(%%LOOP)");
    if (accum->mode != ts_accum_unless_first) return ts_ok;
    TS_TRY(ts_scan_expect(&p->scan, "("));
    TS_TRY(parse_loop_name(p, &accum->loop));
    return ts_scan_expect(&p->scan, ")");
}

static ts_status parse_steps(ts_parser *p, ts_field_steps *steps) {
    *steps = (ts_field_steps){0};
    TS_TRY(ts_scan_expect(&p->scan, "["));
    for (int i = 0; !ts_scan_take(&p->scan, "]"); i++) {
        if (i == 4) return ts_scan_fail(&p->scan, "']' after four steps");
        TS_TRY(ts_scan_i64(&p->scan, INT64_MIN, INT64_MAX, &steps->step[i], "a step"));
    }
    return ts_ok;
}

static ts_status parse_lanes(ts_parser *p, ts_field_lanes *lanes) {
    TS_TRY(ts_scan_expect(&p->scan, "["));
    for (int i = 0; i < TS_QUADRANT; i++) {
        int64_t from;
        TS_TRY(ts_scan_i64(&p->scan, 0, UINT8_MAX, &from, "a partition of a quadrant, 32 of them"));
        lanes->from[i] = (uint8_t)from;
    }
    return ts_scan_expect(&p->scan, "]");
}

/* Reads one of the words that `name_of` gives for values below `count`. */
static ts_status parse_word(ts_parser *p, const char *(*name_of)(unsigned), unsigned count, const char *what,
                            uint8_t *value) {
    const char *word;
    size_t length;
    TS_TRY(ts_scan_word(&p->scan, &word, &length, what));
    for (unsigned i = 0; i < count; i++)
        if (ts_scan_is(word, length, name_of(i))) {
            *value = (uint8_t)i;
            return ts_ok;
        }
    p->scan.at = word;
    return ts_scan_fail(&p->scan, "%s", what);
}

static ts_status parse_choice(ts_parser *p, const char *zero, const char *one, uint8_t *value) {
    *value = ts_scan_take(&p->scan, one);
    if (*value || ts_scan_take(&p->scan, zero)) return ts_ok;
    return ts_scan_fail(&p->scan, "%s or %s", zero, one);
}

ts_status ts_parse_field(ts_parser *p, const ts_field *field, void *value) {
    int64_t number = 0;
    ts_scalar *scalar = value;
    if (field->kind == ts_kind_flag) {
        *(uint8_t *)value = 1;
        return ts_ok;
    }
    TS_TRY(ts_scan_expect(&p->scan, "="));
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src:
    case ts_kind_opt:
    case ts_kind_optdst: return parse_ap(p, value, false);
    case ts_kind_scalar:
        scalar->is_ap = starts_operand(p);
        if (scalar->is_ap) return parse_ap(p, &scalar->ap, false);
        return ts_scan_double(&p->scan, &scalar->value, "a number or an operand");
    case ts_kind_accum: return parse_accum(p, value);
    case ts_kind_affine: return parse_affine(p, value, false);
    case ts_kind_trip: return ts_parse_count(p, value);
    case ts_kind_loop: return parse_loop_name(p, value);
    case ts_kind_alu: return parse_word(p, ts_alu_name, ts_alu_count, "an ALU operator", value);
    case ts_kind_act: return parse_word(p, ts_act_name, ts_act_count, "an activation function", value);
    case ts_kind_rmw: return parse_choice(p, "none", "add", value);
    case ts_kind_oob: return parse_choice(p, "error", "skip", value);
    case ts_kind_u8:
        TS_TRY(ts_scan_i64(&p->scan, 0, UINT8_MAX, &number, "a number"));
        *(uint8_t *)value = (uint8_t)number;
        return ts_ok;
    case ts_kind_i64: return ts_scan_i64(&p->scan, INT64_MIN, INT64_MAX, value, "a number");
    case ts_kind_f64: return ts_scan_double(&p->scan, value, "a number");
    case ts_kind_steps: return parse_steps(p, value);
    case ts_kind_cmd:
        return parse_word(p, ts_cmd_name, ts_cmd_count, "what to do with the accumulators", value);
    case ts_kind_cc: return parse_word(p, ts_cc_name, ts_cc_count, "a kind of collective", value);
    case ts_kind_lanes: return parse_lanes(p, value);
    case ts_kind_flag: break;
    }
    return ts_ok;
}

/* ---- semaphores ---- */

static ts_status parse_semaphore(ts_parser *p, const char *then, uint16_t *number) {
    int64_t value;
    TS_TRY(ts_scan_expect(&p->scan, "="));
    TS_TRY(ts_scan_expect(&p->scan, "S"));
    TS_TRY(ts_scan_expect(&p->scan, "["));
    TS_TRY(ts_scan_i64(&p->scan, 0, UINT16_MAX, &value, "the number of a semaphore"));
    TS_TRY(ts_scan_expect(&p->scan, "]"));
    *number = (uint16_t)value;
    return ts_scan_expect(&p->scan, then);
}

ts_status ts_parse_sync(ts_parser *p, const char *word, ts_inst *inst) {
    ts_program *program = p->program;
    if (!inst->sync) {
        ts_vec_push(&program->syncs, &program->arena, (ts_sync){0});
        inst->sync = program->syncs.count;
    }
    ts_sync *sync = &program->syncs.data[inst->sync - 1];
    bool is_wait = *word == 'w', *is_given = is_wait ? &sync->is_waiting : &sync->is_signalling;
    if (*is_given)
        return ts_scan_refuse(&p->scan, word, "a second %s: an instruction has one%s",
                              is_wait ? "wait" : "signal",
                              is_wait ? "; an event_semaphore before it takes another" : "");
    *is_given = true;
    if (is_wait) {
        TS_TRY(parse_semaphore(p, ">=", &sync->awaited));
        return parse_affine(p, &sync->value, false);
    }
    int64_t amount;
    TS_TRY(parse_semaphore(p, "+=", &sync->signalled));
    TS_TRY(ts_scan_i64(&p->scan, 1, INT32_MAX, &amount, "how much is added"));
    sync->amount = (uint32_t)amount;
    return ts_ok;
}
