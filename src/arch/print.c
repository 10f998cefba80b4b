/* Printer of programs as .trn text, one instruction per line. The grammar is in docs/trn.md. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/isa.h"
#include "arch/trn_text.h"

typedef struct printer {
    const ts_program *program;
    const char *const *names; /* unique names of the tensors; NULL: print their own */
    ts_text *out;
} printer;

bool ts_trn_is_bare(const char *name) {
    for (const char *c = name; *c; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        bool is_other = (*c >= '0' && *c <= '9') || *c == '.';
        if (!is_letter && (c == name || !is_other)) return false;
    }
    return *name != 0;
}

static void print_name(printer *p, const char *name) {
    if (ts_trn_is_bare(name))
        ts_text_add(p->out, name);
    else
        ts_text_quote(p->out, name);
}

/* Most of a listing is numbers, and ts_text_format would take three times as long. */
static void print_int(printer *p, int64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + size % 10);
    while (size /= 10);
    if (value < 0) digits[--at] = '-';
    ts_text_add_n(p->out, digits + at, sizeof digits - at);
}

/* has_sign: print a sign before the first term too. */
static void print_terms(printer *p, const ts_affine *affine, bool has_sign) {
    for (uint32_t i = 0; i < affine->term_count; i++) {
        const ts_term *term = &p->program->terms.data[affine->first_term + i];
        if ((has_sign || i > 0) && term->coef >= 0) ts_text_add(p->out, "+");
        if (term->coef == -1) ts_text_add_n(p->out, "-", 1);
        if (term->coef != 1 && term->coef != -1) {
            print_int(p, term->coef);
            ts_text_add_n(p->out, "*", 1);
        }
        ts_text_add_n(p->out, "%", 1);
        print_int(p, term->loop);
    }
}

/* The base is printed even when it is 0, so that changing it changes one number only. */
static void print_affine(printer *p, const ts_affine *affine, bool has_plus) {
    if (has_plus && affine->base >= 0) ts_text_add_n(p->out, "+", 1);
    print_int(p, affine->base);
    print_terms(p, affine, true);
    if (!affine->rotation) return;
    const ts_rotation *rotation = &p->program->rotations.data[affine->rotation - 1];
    bool has_base = rotation->index.base != 0 || rotation->index.term_count == 0;
    ts_text_format(p->out, "%+" PRId64 "*(", rotation->step);
    if (has_base) ts_text_format(p->out, "%" PRId64, rotation->index.base);
    print_terms(p, &rotation->index, has_base);
    ts_text_format(p->out, " mod %" PRId32 ")", rotation->count);
}

static void print_count(printer *p, const ts_count *count) {
    if (!count->is_ragged) {
        print_int(p, count->max);
        return;
    }
    ts_text_add(p->out, "min(");
    print_int(p, count->max);
    ts_text_add(p->out, ", ");
    print_affine(p, &count->limit, false);
    ts_text_add(p->out, ")");
}

static const char *tensor_name(const printer *p, uint32_t tensor) {
    if (tensor >= p->program->tensors.count) return "?";
    return p->names ? p->names[tensor] : p->program->tensors.data[tensor].name;
}

static void print_ap(printer *p, const ts_ap *ap) {
    ts_text_add(p->out, ts_space_name(ap->space));
    ts_text_add_n(p->out, ".", 1);
    ts_text_add(p->out, ts_dtype_get(ap->dtype)->name);
    ts_text_add_n(p->out, "[", 1);
    if (ap->space == ts_space_hbm) {
        print_name(p, tensor_name(p, ap->tensor));
    } else {
        if (ap->tensor) ts_text_format(p->out, "tile%" PRIu32 " ", ap->tensor);
        ts_text_add(p->out, "p");
        print_affine(p, &ap->part, false);
        ts_text_add(p->out, ":");
        print_count(p, &ap->parts);
    }
    ts_text_add(p->out, " ");
    print_affine(p, &ap->offset, true);
    for (int i = 0; i < ap->dims && i < TS_AP_DIMS; i++) {
        ts_text_add(p->out, " ");
        print_count(p, &ap->dim[i].count);
        if (ap->dim[i].step == 1) continue;
        ts_text_add_n(p->out, "@", 1);
        print_int(p, ap->dim[i].step);
    }
    if (ap->space == ts_space_hbm && ap->index) {
        ts_text_format(p->out, " by %" PRId64 "*", ap->index_step);
        print_ap(p, &p->program->indices.data[ap->index - 1]);
    }
    ts_text_add(p->out, "]");
}

static void print_steps(printer *p, const ts_field_steps *steps) {
    int used = 4;
    while (used > 1 && steps->step[used - 1] == 0)
        used--;
    for (int i = 0; i < used; i++)
        ts_text_format(p->out, "%s%" PRId64, i ? " " : "[", steps->step[i]);
    ts_text_add(p->out, "]");
}

static void print_lanes(printer *p, const ts_field_lanes *lanes) {
    for (int i = 0; i < TS_QUADRANT; i++)
        ts_text_format(p->out, "%s%u", i ? " " : "[", lanes->from[i]);
    ts_text_add(p->out, "]");
}

/* Whether the field has its kind's default value and is left out. */
static bool is_default(const ts_inst *inst, int at) {
    const ts_field *field = &ts_op_get(inst->op)->fields[at];
    const void *value = (const char *)inst + field->offset;
    const ts_scalar *scalar = value;
    switch (field->kind) {
    case ts_kind_opt:
    case ts_kind_optdst: return ((const ts_ap *)value)->space == ts_space_none;
    case ts_kind_accum: return ((const ts_accum *)value)->mode == ts_accum_never;
    case ts_kind_alu: return *(const uint8_t *)value == ts_alu_bypass;
    case ts_kind_scalar:
        return !scalar->is_ap && scalar->value == 0 && !signbit(scalar->value) &&
               ts_scalar_is_unused(inst, at);
    case ts_kind_rmw:
    case ts_kind_cmd:
    case ts_kind_oob:
    case ts_kind_flag: return *(const uint8_t *)value == 0;
    default: return false;
    }
}

static void print_value(printer *p, const ts_field *field, const void *value) {
    ts_text *out = p->out;
    const ts_accum *accum = value;
    const ts_scalar *scalar = value;
    switch (field->kind) {
    case ts_kind_dst:
    case ts_kind_src:
    case ts_kind_opt:
    case ts_kind_optdst: print_ap(p, value); break;
    case ts_kind_scalar:
        if (scalar->is_ap)
            print_ap(p, &scalar->ap);
        else
            ts_text_double(out, scalar->value);
        break;
    case ts_kind_accum:
        if (accum->mode == ts_accum_unless_first)
            ts_text_format(out, "unless_first(%%%" PRIu32 ")", accum->loop);
        else
            ts_text_add(out, accum->mode == ts_accum_always ? "always" : "never");
        break;
    case ts_kind_affine: print_affine(p, value, false); break;
    case ts_kind_trip: print_count(p, value); break;
    case ts_kind_loop: ts_text_format(out, "%%%" PRIu32, *(const uint32_t *)value); break;
    case ts_kind_alu: ts_text_add(out, ts_alu_name(*(const uint8_t *)value)); break;
    case ts_kind_act: ts_text_add(out, ts_act_name(*(const uint8_t *)value)); break;
    case ts_kind_rmw: ts_text_add(out, *(const uint8_t *)value ? "add" : "none"); break;
    case ts_kind_oob: ts_text_add(out, *(const uint8_t *)value ? "skip" : "error"); break;
    case ts_kind_flag: break;
    case ts_kind_u8: ts_text_format(out, "%u", *(const uint8_t *)value); break;
    case ts_kind_i64: ts_text_format(out, "%" PRId64, *(const int64_t *)value); break;
    case ts_kind_f64: ts_text_double(out, *(const double *)value); break;
    case ts_kind_steps: print_steps(p, value); break;
    case ts_kind_cmd: ts_text_add(out, ts_cmd_name(*(const uint8_t *)value)); break;
    case ts_kind_cc: ts_text_add(out, ts_cc_name(*(const uint8_t *)value)); break;
    case ts_kind_lanes: print_lanes(p, value); break;
    }
}

static void print_sync(printer *p, const ts_inst *inst) {
    if (!inst->sync || inst->sync > p->program->syncs.count) return;
    const ts_sync *sync = &p->program->syncs.data[inst->sync - 1];
    if (sync->is_waiting) {
        ts_text_format(p->out, " wait=S[%u]>=", sync->awaited);
        print_affine(p, &sync->value, false);
    }
    if (sync->is_signalling) ts_text_format(p->out, " signal=S[%u]+=%" PRIu32, sync->signalled, sync->amount);
}

static void print_inst(printer *p, const ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    if (inst->op == ts_op_loop) {
        const ts_inst_loop *loop = (const ts_inst_loop *)inst;
        ts_text_format(p->out, "loop %%%" PRIu32 " = ", loop->id);
        print_count(p, &loop->trip);
    } else if (inst->op == ts_op_end) {
        ts_text_format(p->out, "end %%%" PRIu32, ((const ts_inst_end *)inst)->id);
    } else {
        if (inst->engine != ts_engine_none) ts_text_format(p->out, "%s.", ts_engine_name(inst->engine));
        ts_text_add(p->out, info->name);
        if (inst->order == ts_order_list) ts_text_add(p->out, " order=list");
        for (int i = 0; i < info->field_count; i++) {
            const ts_field *field = &info->fields[i];
            const void *value = (const char *)inst + field->offset;
            if (is_default(inst, i)) continue;
            ts_text_add_n(p->out, " ", 1);
            ts_text_add(p->out, field->name);
            if (field->kind != ts_kind_flag) ts_text_add_n(p->out, "=", 1);
            print_value(p, field, value);
        }
    }
    print_sync(p, inst);
    if (inst->loc) ts_text_format(p->out, " @%" PRIu32, inst->loc);
}

void ts_inst_print(const ts_program *program, const ts_inst *inst, ts_text *out) {
    printer p = {.program = program, .out = out};
    print_inst(&p, inst);
}

static void print_loc(printer *p, uint32_t index) {
    const ts_loc *loc = &p->program->locs.data[index];
    ts_text_format(p->out, "loc @%" PRIu32 " ", index);
    ts_text_quote(p->out, loc->file);
    ts_text_format(p->out, ":%" PRIu32 ":%" PRIu32, loc->line, loc->column);
    if (*loc->name) {
        ts_text_add(p->out, " ");
        ts_text_quote(p->out, loc->name);
    }
    if (loc->parent) ts_text_format(p->out, " from @%" PRIu32, loc->parent - 1);
    ts_text_add(p->out, "\n");
}

enum { MAX_VALUES = 64 };

/* Reads integers that a double holds exactly, as the parser will read them. False when one is not exact. */
static bool integer_values(const ts_tensor *tensor, size_t count, double *values) {
    const ts_dtype_info *info = ts_dtype_get(tensor->dtype);
    const uint8_t *at = tensor->data;
    for (size_t i = 0; i < count; i++, at += info->bytes) {
        uint64_t bits = 0;
        memcpy(&bits, at, (size_t)info->bytes);
        int unused = 64 - 8 * info->bytes;
        values[i] = info->kind == 's' ? (double)((int64_t)(bits << unused) >> unused) : (double)bits;
        if (fabs(values[i]) > 0x1p53 || (info->kind == 'b' && bits > 1)) return false;
    }
    return true;
}

/* Reads floats whose fp32 value converts back to the same bits. False when one does not. */
static bool float_values(const ts_tensor *tensor, size_t count, double *values) {
    float narrow[MAX_VALUES];
    uint8_t again[MAX_VALUES * sizeof(double)];
    ts_dtype_widen(tensor->dtype, tensor->data, narrow, count);
    for (size_t i = 0; i < count; i++) {
        if (isnan(narrow[i])) narrow[i] = NAN;
        values[i] = (double)narrow[i];
    }
    ts_dtype_narrow(tensor->dtype, narrow, again, count);
    return memcmp(again, tensor->data, tensor->bytes) == 0;
}

/* Prints the values when they are few and read back as the same bits. Otherwise returns false. */
static bool print_values(printer *p, const ts_tensor *tensor) {
    double values[MAX_VALUES];
    const ts_dtype_info *info = ts_dtype_get(tensor->dtype);
    size_t count = info->bytes ? tensor->bytes / (size_t)info->bytes : 0;
    if (info->kind == 'c' || count > MAX_VALUES || count * (size_t)info->bytes != tensor->bytes) return false;
    bool is_float = info->kind == 'f';
    if (!(is_float ? float_values(tensor, count, values) : integer_values(tensor, count, values)))
        return false;
    ts_text_add(p->out, " = {");
    for (size_t i = 0; i < count; i++) {
        if (i) ts_text_add(p->out, " ");
        ts_text_double(p->out, values[i]);
    }
    ts_text_add(p->out, "}");
    return true;
}

static void print_data(printer *p, const ts_tensor *tensor) {
    static const char digits[] = "0123456789abcdef";
    if (!tensor->data || print_values(p, tensor)) return;
    const uint8_t *bytes = tensor->data;
    char chunk[1024];
    size_t used = 0;
    ts_text_add(p->out, " = hex \"");
    for (uint64_t i = 0; i < tensor->bytes; i++) {
        chunk[used++] = digits[bytes[i] >> 4];
        chunk[used++] = digits[bytes[i] & 15];
        if (used < sizeof chunk && i + 1 < tensor->bytes) continue;
        ts_text_add_n(p->out, chunk, used);
        used = 0;
    }
    ts_text_add(p->out, "\"");
}

static void print_tensor(printer *p, uint32_t index) {
    static const char *const kinds[] = {"input", "output", "scratch", "constant"};
    const ts_tensor *tensor = &p->program->tensors.data[index];
    ts_text_add(p->out, "tensor ");
    print_name(p, tensor_name(p, index));
    ts_text_format(p->out, ": %s", kinds[tensor->kind & 3]);
    if (tensor->kind == ts_tensor_input || tensor->kind == ts_tensor_output)
        ts_text_format(p->out, " %" PRIu32, tensor->number);
    ts_text_format(p->out, " %s[", ts_dtype_get(tensor->dtype)->name);
    for (int i = 0; i < tensor->rank && i < TS_MAX_RANK; i++)
        ts_text_format(p->out, "%s%" PRId64, i ? "," : "", tensor->dim[i]);
    ts_text_add(p->out, "]");
    if (tensor->kind == ts_tensor_output && tensor->alias >= 0)
        ts_text_format(p->out, " alias=%" PRId32, tensor->alias);
    if (tensor->kind == ts_tensor_scratch) ts_text_format(p->out, " address=%" PRIu64, tensor->address);
    if (tensor->kind == ts_tensor_constant) print_data(p, tensor);
    ts_text_add(p->out, "\n");
}

static void print_tile(printer *p, uint32_t index) {
    const ts_tile_row *tile = &p->program->tiles.data[index];
    ts_text_format(p->out, "tile %" PRIu32 ": %s address=%" PRId64 " bytes=%" PRId64, index + 1,
                   ts_space_name(tile->space), tile->address, tile->bytes);
    if (tile->slots > 1) ts_text_format(p->out, " slots=%u", tile->slots);
    ts_text_add(p->out, "\n");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_taken(const char *const *sorted, uint32_t count, const char *name) {
    return bsearch(&name, sorted, count, sizeof *sorted, by_text) != NULL;
}

/* Names for printing. A name that is empty or not unique gets the tensor's index appended, and more until no
   other tensor has that name. */
static const char *const *unique_names(const ts_program *program, ts_arena *arena) {
    uint32_t count = program->tensors.count;
    const char **names = TS_NEW_ARRAY(arena, const char *, count), **sorted;
    for (uint32_t i = 0; i < count; i++)
        names[i] = program->tensors.data[i].name;
    sorted = ts_arena_copy(arena, names, count * sizeof *names);
    qsort(sorted, count, sizeof *sorted, by_text);
    for (uint32_t i = 0; i < count; i++) {
        const char **first = bsearch(&names[i], sorted, count, sizeof *sorted, by_text);
        bool is_twice = (first > sorted && strcmp(first[-1], *first) == 0) ||
                        (first + 1 < sorted + count && strcmp(first[1], *first) == 0);
        if (*names[i] && !is_twice) continue;
        const char *name = ts_arena_format(arena, "%s.%" PRIu32, *names[i] ? names[i] : "t", i);
        while (is_taken(sorted, count, name))
            name = ts_arena_format(arena, "%s_", name);
        names[i] = name;
    }
    return names;
}

static void print_code(printer *p) {
    static const char spaces[] = "                        ";
    int depth = 0;
    for (uint32_t i = 0; i < p->program->code.count; i++) {
        const ts_inst *inst = p->program->code.data[i];
        if (inst->op == ts_op_end && depth > 0) depth--;
        ts_text_add_n(p->out, spaces, 2 * (size_t)(depth < TS_MAX_LOOP_DEPTH ? depth : TS_MAX_LOOP_DEPTH));
        print_inst(p, inst);
        ts_text_add(p->out, "\n");
        if (inst->op == ts_op_loop) depth++;
    }
}

void ts_program_print(const ts_program *program, ts_text *out) {
    ts_arena arena = {0};
    printer p = {.program = program, .names = unique_names(program, &arena), .out = out};
    ts_text_format(out, "trn %d\nprogram ", TS_TRN_VERSION);
    print_name(&p, program->name);
    ts_text_add(out, " chip=");
    print_name(&p, program->chip);
    if (program->order == ts_order_list) ts_text_add(out, " order=list");
    if (program->syncing == ts_syncing_explicit) ts_text_add(out, " sync=explicit");
    if (program->ranks != 1) ts_text_format(out, " ranks=%" PRIu32, program->ranks);
    if (program->model_flops) ts_text_format(out, " model_flops=%" PRIu64, program->model_flops);
    if (program->scratch_bytes) ts_text_format(out, " scratch_bytes=%" PRIu64, program->scratch_bytes);
    ts_text_add(out, "\n");
    for (uint32_t i = 1; i < program->locs.count; i++)
        print_loc(&p, i);
    for (uint32_t i = 0; i < program->tensors.count; i++)
        print_tensor(&p, i);
    for (uint32_t i = 0; i < program->tiles.count; i++)
        print_tile(&p, i);
    print_code(&p);
    ts_arena_free(&arena);
}
