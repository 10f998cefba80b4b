/* Records one instruction: views become operands on virtual tiles, and values the fields of its row. */
#include <math.h>
#include <string.h>

#include "arch/dtype.h"
#include "arch/verify.h"
#include "nki/operands.h"
#include "nki/recorder.h"

typedef struct record {
    ts_recorder *r;
    ts_op op;
    const ts_op_info *info;
    const ts_nki_value *values;
    uint32_t loc;
    bool keeps_dims; /* a field refers to its dimensions by number, so none may be merged */
    ts_diag *diag;
} record;

static ts_status refuse(const record *rec, const char *field, ts_status status, const char *message) {
    ts_fail(rec->diag, status, "%s %s %s", rec->info->name, field, message);
    ts_diag_op(rec->diag, rec->info->name);
    ts_record_where(rec->r, rec->loc, rec->diag);
    return status;
}

static bool counts_dims(const ts_op_info *info) {
    for (int i = 0; i < info->field_count; i++)
        if (info->fields[i].kind == ts_kind_steps ||
            (info->fields[i].kind == ts_kind_u8 && strcmp(info->fields[i].name, "axes") == 0))
            return true;
    return false;
}

/* Whether it is a matmul of [K, 2, *] operands. */
static bool is_double_row(const ts_op_info *info, const ts_nki_value *values) {
    for (int i = 0; i < info->field_count; i++)
        if (info->fields[i].kind == ts_kind_flag && strcmp(info->fields[i].name, "is_double_row") == 0)
            return values[i].kind == ts_nki_number && values[i].number != 0;
    return false;
}

/* Drops dimensions of one element and merges neighbours that address like a single one. Returns the number
   left. */
static int join_dims(const ts_nki_view *view, ts_nki_dim *dim) {
    int dims = 0;
    for (int i = 0; i < view->dims; i++) {
        ts_nki_dim next = view->dim[i];
        if (next.count == 1) continue;
        if (dims > 0 && dim[dims - 1].step == next.step * next.count) {
            dim[dims - 1].step = next.step;
            dim[dims - 1].count *= next.count;
            continue;
        }
        dim[dims++] = next;
    }
    if (dims == 0) dim[dims++] = (ts_nki_dim){1, 1};
    return dims;
}

static ts_status set_dims(const record *rec, const char *field, const ts_nki_view *view, int most,
                          ts_ap *ap) {
    ts_nki_dim joined[TS_NKI_DIMS];
    bool is_kept = rec->keeps_dims && ap->space != ts_space_hbm;
    int dims = view->dims;
    if (is_kept)
        memcpy(joined, view->dim, sizeof joined);
    else
        dims = join_dims(view, joined);
    if (dims > most)
        return refuse(rec, field, ts_input,
                      most == 4 ? "has more than 4 free dimensions that cannot be joined"
                                : "has more than 5 dimensions that cannot be joined");
    for (int i = 0; i < dims; i++) {
        if (joined[i].count > INT32_MAX) return refuse(rec, field, ts_input, "has more than 2^31 elements");
        ts_ap_dim(ap, joined[i].count == 1 ? 1 : joined[i].step, ts_count_const(joined[i].count));
    }
    return ts_ok;
}

static ts_status on_chip(const record *rec, const ts_field *field, const ts_nki_view *view, bool is_write,
                         ts_ap *ap) {
    ts_recorder *r = rec->r;
    const ts_buffer_info *buffer = &r->buffers.data[view->buffer - 1];
    if (view->block >= buffer->blocks)
        return refuse(rec, field->name, ts_input, "lies in no block of its tile");
    ts_tile tile = r->current.data[buffer->first + view->block];
    ts_tile_use *use = &r->uses.data[tile - 1];
    if (is_write)
        use->writes++;
    else
        use->reads++;
    *ap = (ts_ap){.space = buffer->space, .dtype = view->dtype, .tensor = tile};
    ap->part = ts_affine_const(view->part + buffer->part);
    ap->parts = ts_count_const(view->parts);
    ap->offset = ts_affine_const(view->offset);
    return set_dims(rec, field->name, view, 4, ap);
}

static ts_status in_hbm(const record *rec, const ts_field *field, const ts_nki_view *view, ts_ap *ap) {
    ts_recorder *r = rec->r;
    const ts_buffer_info *buffer = &r->buffers.data[view->buffer - 1];
    int bytes = ts_dtype_get(view->dtype)->bytes;
    *ap = ts_build_hbm(buffer->first, (ts_dtype)view->dtype, ts_affine_const(view->offset / bytes));
    if (!view->index) return set_dims(rec, field->name, view, TS_AP_DIMS, ap);
    ts_ap index = {0};
    ts_field as_field = {.kind = ts_kind_src, .name = field->name};
    TS_TRY(on_chip(rec, &as_field, view->index, false, &index));
    ts_vec_push(&r->program->indices, &r->program->arena, index);
    ap->index = r->program->indices.count;
    ap->index_step = view->index_step;
    ts_nki_view rest = *view;
    rest.dims--;
    memmove(rest.dim, view->dim + 1, (size_t)rest.dims * sizeof *rest.dim);
    ts_ap_dim(ap, view->dim[0].step, ts_count_const(view->dim[0].count));
    return set_dims(rec, field->name, &rest, TS_AP_DIMS - 1, ap);
}

static ts_status set_operand(const record *rec, const ts_field *field, const ts_nki_value *value,
                             bool is_write, ts_ap *ap) {
    if (value->kind != ts_nki_tensor) return refuse(rec, field->name, ts_usage, "must be a tensor");
    const ts_nki_view *view = value->view;
    if (view->buffer == 0 || view->buffer > rec->r->buffers.count)
        return refuse(rec, field->name, ts_usage, "belongs to another kernel's run");
    if (rec->r->buffers.data[view->buffer - 1].space == ts_space_hbm) return in_hbm(rec, field, view, ap);
    return on_chip(rec, field, view, is_write, ap);
}

uint8_t ts_recorder_queue(ts_recorder *r, uint32_t loc) {
    uint32_t i = 0;
    while (i < r->statements.count && r->statements.data[i] != loc)
        i++;
    if (i == r->statements.count) ts_vec_push(&r->statements, &r->program->arena, loc);
    return (uint8_t)(i % (uint32_t)r->chip.dma_queues);
}

static ts_status set_number(const record *rec, const ts_field *field, const ts_nki_value *value, void *at) {
    double number = value->kind == ts_nki_number ? value->number : 0;
    bool is_code = false;
    switch (field->kind) {
    case ts_kind_i64: *(int64_t *)at = (int64_t)number; return ts_ok;
    case ts_kind_f64: *(double *)at = number; return ts_ok;
    case ts_kind_affine: *(ts_affine *)at = ts_affine_const((int64_t)number); return ts_ok;
    case ts_kind_accum:
        *(ts_accum *)at = (ts_accum){.mode = number != 0 ? ts_accum_always : ts_accum_never};
        return ts_ok;
    case ts_kind_steps:
        if (value->kind == ts_nki_steps) memcpy(at, value->step, sizeof(ts_field_steps));
        return ts_ok;
    case ts_kind_lanes:
        if (value->kind != ts_nki_steps) return refuse(rec, field->name, ts_usage, "must be a list of lanes");
        for (int i = 0; i < TS_QUADRANT; i++)
            ((ts_field_lanes *)at)->from[i] = (uint8_t)value->step[i];
        return ts_ok;
    case ts_kind_u8:
        if (value->kind == ts_nki_none && strcmp(field->name, "queue") == 0) {
            *(uint8_t *)at = ts_recorder_queue(rec->r, rec->loc);
            return ts_ok;
        }
        is_code = true;
        break;
    default: is_code = true; break;
    }
    if (is_code && (number < 0 || number > UINT8_MAX || number != floor(number)))
        return refuse(rec, field->name, ts_usage, "is no code");
    *(uint8_t *)at = (uint8_t)number;
    return ts_ok;
}

static ts_status set_field(const record *rec, const ts_field *field, const ts_nki_value *value, void *at) {
    ts_scalar *scalar = at;
    switch (field->kind) {
    case ts_kind_dst: return set_operand(rec, field, value, true, at);
    case ts_kind_src: return set_operand(rec, field, value, false, at);
    case ts_kind_optdst: return value->kind == ts_nki_none ? ts_ok : set_operand(rec, field, value, true, at);
    case ts_kind_opt: return value->kind == ts_nki_none ? ts_ok : set_operand(rec, field, value, false, at);
    case ts_kind_scalar:
        scalar->is_ap = value->kind == ts_nki_tensor;
        if (scalar->is_ap) return set_operand(rec, field, value, false, &scalar->ap);
        scalar->value = value->kind == ts_nki_number ? value->number : 0;
        return ts_ok;
    case ts_kind_loop:
    case ts_kind_trip: return refuse(rec, field->name, ts_usage, "is a mark of the control stream");
    default: return set_number(rec, field, value, at);
    }
}

/* Sets sources before destinations: an instruction that overwrites a whole tile reads the old one. */
static ts_status set_fields(const record *rec, ts_inst *inst) {
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < rec->info->field_count; i++) {
            const ts_field *field = &rec->info->fields[i];
            bool is_write = field->kind == ts_kind_dst || field->kind == ts_kind_optdst;
            if (is_write == (pass == 1))
                TS_TRY(set_field(rec, field, &rec->values[i], (char *)inst + field->offset));
        }
    return ts_ok;
}

/* ---- rules that do not depend on the tiles' placement ---- */

/* Like "sums (line 12)"; the line helps because many tiles have no name of the kernel's. */
static void name_operand(const void *context, const ts_ap *ap, ts_text *text) {
    const ts_recorder *r = context;
    if (ap->space == ts_space_hbm) {
        ts_text_add(text, r->program->tensors.data[ap->tensor].name);
        return;
    }
    const ts_tile_info *info = &r->builder.tiles.data[ap->tensor - 1];
    ts_text_add(text, info->name && info->name[0] ? info->name : "tile");
    if (info->loc) ts_text_format(text, " (line %u)", r->program->locs.data[info->loc].line);
}

static int64_t address_of(const void *context, uint32_t tile) {
    const ts_tile_info *info = &((const ts_recorder *)context)->builder.tiles.data[tile - 1];
    return info->is_fixed ? info->address : 0;
}

/* Whether it is `psum += product` with both in PSUM, which becomes accumulation (fold_values.c). */
static bool is_accumulation(const ts_inst *inst) {
    const ts_inst_tensor_tensor *add = (const ts_inst_tensor_tensor *)inst;
    return inst->op == ts_op_tensor_tensor && add->op == ts_alu_add && add->dst.space == ts_space_psum &&
           ts_operand_same(&add->dst, &add->data1);
}

/* Checks what can be checked before tiles have addresses; the whole program is verified at the end. */
static ts_status check_inst(const record *rec, ts_inst *inst) {
    ts_recorder *r = rec->r;
    const ts_draft draft = {r, name_operand, address_of};
    if (is_accumulation(inst)) return ts_ok;
    bool is_open = inst->engine == ts_engine_none;
    if (is_open) inst->engine = ts_engine_vector;
    ts_status status = ts_verify_draft(r->program, inst, &r->chip, &draft, rec->diag);
    if (is_open) inst->engine = ts_engine_none;
    return status;
}

ts_status ts_record_inst(ts_recorder *r, ts_op op, ts_engine engine, const ts_nki_value *values, int count,
                         uint32_t loc, ts_diag *diag) {
    record rec = {.r = r, .op = op, .info = ts_op_get(op), .values = values, .loc = loc, .diag = diag};
    if (count != rec.info->field_count)
        return ts_fail(diag, ts_usage, "%s has %d fields, %d are given", rec.info->name,
                       rec.info->field_count, count);
    bool is_open = engine == ts_engine_none && op == ts_op_tensor_copy;
    if (!is_open && !ts_op_allows(op, engine)) {
        ts_fail(diag, ts_input, "%s does not run on engine %s", rec.info->name, ts_engine_name(engine));
        ts_diag_remedy(diag, "engines of this instruction: %s", rec.info->engines);
        ts_record_where(r, loc, diag);
        return ts_input;
    }
    TS_TRY(ts_record_check_room(r, 1, loc, diag));
    rec.keeps_dims = counts_dims(rec.info) || is_double_row(rec.info, values);
    ts_inst *inst = ts_program_append(r->program, op, engine, loc);
    ts_status status = set_fields(&rec, inst);
    if (status == ts_ok) status = check_inst(&rec, inst);
    if (status != ts_ok) r->program->code.count--;
    return status;
}
