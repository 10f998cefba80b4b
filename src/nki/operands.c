/* Comparisons of the operands of recorded instructions. */
#include "nki/operands.h"

#include <string.h>

bool ts_operand_same(const ts_ap *a, const ts_ap *b) {
    if (a->space != b->space || a->tensor != b->tensor || a->offset.base != b->offset.base ||
        a->part.base != b->part.base || a->parts.max != b->parts.max || a->dims != b->dims)
        return false;
    for (int i = 0; i < a->dims; i++)
        if (a->dim[i].step != b->dim[i].step || a->dim[i].count.max != b->dim[i].count.max) return false;
    return true;
}

int64_t ts_operand_elems(const ts_ap *ap) {
    int64_t n = ap->parts.max;
    for (int i = 0; i < ap->dims; i++)
        n *= ap->dim[i].count.max;
    return n;
}

ts_ap *ts_operand_dst(ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++)
        if (info->fields[i].kind == ts_kind_dst)
            return (ts_ap *)(void *)((char *)inst + info->fields[i].offset);
    return NULL;
}

static bool same_ap(const ts_ap *a, const ts_ap *b) {
    return a->dtype == b->dtype && a->index == b->index && a->index_step == b->index_step &&
           ts_operand_same(a, b);
}

/* dst operands: the same part of a tile, whichever tile it is. */
static bool same_dst(const ts_ap *a, const ts_ap *b) {
    ts_ap moved = *b;
    moved.tensor = a->tensor;
    return same_ap(a, &moved);
}

static bool same_field(const ts_field *field, const char *a, const char *b) {
    const void *x = a + field->offset, *y = b + field->offset;
    const ts_scalar *s = x, *t = y;
    switch (field->kind) {
    case ts_kind_dst: return same_dst(x, y);
    case ts_kind_src:
    case ts_kind_opt:
    case ts_kind_optdst: return same_ap(x, y);
    case ts_kind_scalar:
        return s->is_ap == t->is_ap && (s->is_ap ? same_ap(&s->ap, &t->ap) : s->value == t->value);
    case ts_kind_accum: return ((const ts_accum *)x)->mode == ((const ts_accum *)y)->mode;
    case ts_kind_affine: return ((const ts_affine *)x)->base == ((const ts_affine *)y)->base;
    case ts_kind_i64: return *(const int64_t *)x == *(const int64_t *)y;
    case ts_kind_f64: return *(const double *)x == *(const double *)y;
    case ts_kind_steps: return memcmp(x, y, sizeof(ts_field_steps)) == 0;
    case ts_kind_lanes: return memcmp(x, y, sizeof(ts_field_lanes)) == 0;
    case ts_kind_trip:
    case ts_kind_loop: return false;
    default: return *(const uint8_t *)x == *(const uint8_t *)y;
    }
}

bool ts_inst_computes_same(ts_inst *a, ts_inst *b) {
    if (a->op != b->op || a->engine != b->engine) return false;
    const ts_op_info *info = ts_op_get(a->op);
    for (int i = 0; i < info->field_count; i++)
        if (!same_field(&info->fields[i], (const char *)a, (const char *)b)) return false;
    return true;
}
