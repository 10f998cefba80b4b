/* Lowering's driver: walks @main once, dispatches each op, and hands out storage. */
#include "compiler/lower.h"

#include <math.h>
#include <string.h>

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

int ts_lower_load_queue(ts_lower *lower) {
    return TS_LOAD_QUEUE + lower->next_queue++ % TS_LOAD_QUEUES;
}

ts_status ts_lower_check_dtypes(ts_lower *lower, const ts_op_node *op) {
    for (uint32_t i = 0; i < op->operand_count + op->result_count; i++) {
        const ts_value *value = i < op->operand_count ? op->operands[i] : op->results[i - op->operand_count];
        const ts_dtype_info *info = ts_dtype_get(value->type.dtype);
        if (value->type.kind == ts_type_tensor && (info->native || value->type.dtype == ts_dtype_i1))
            continue;
        ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "NeuronCore-v2 has no datapath for %s",
                   value->type.kind == ts_type_tensor ? info->name : "values that are not tensors");
        ts_diag_remedy(lower->diag, "use f32, bf16, f16 or 32-bit integers (jax_enable_x64 off)");
        return ts_unsupported;
    }
    return ts_ok;
}

ts_status ts_lower_view(ts_lower *lower, ts_value *value, ts_view *view) {
    ts_lowered *lowered = note(value);
    if (!lowered->has_view && lowered->group) TS_TRY(ts_lower_close_group(lower, lowered->group));
    if (!lowered->has_view)
        return ts_fail(lower->diag, ts_input, "value %%%u is used before it is computed", value->id);
    *view = lowered->view;
    return ts_ok;
}

ts_status ts_lower_tensor(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_view(lower, value, view));
    if (view->kind == ts_view_tensor) return ts_ok;
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, &value->type, "materialised"), &value->type);
    TS_TRY(ts_lower_copy(lower, &whole, view));
    *view = note(value)->view = whole;
    return ts_ok;
}

uint32_t ts_lower_scratch(ts_lower *lower, const ts_type *type, const char *name) {
    return ts_build_tensor(&lower->b, ts_tensor_scratch, type->dtype, type->rank, type->dim, name);
}

uint32_t ts_lower_result(ts_lower *lower, ts_value *value) {
    ts_lowered *lowered = note(value);
    const char *name = value->def ? ts_hlo_name(value->def->kind) : "argument";
    uint32_t tensor;
    if (lowered->output) {
        tensor = ts_build_tensor(&lower->b, ts_tensor_output, value->type.dtype, value->type.rank,
                                 value->type.dim, name);
        lower->program->tensors.data[tensor].number = (uint32_t)lowered->output - 1;
    } else {
        tensor = ts_lower_scratch(lower, &value->type, name);
    }
    lowered->view = ts_view_of_tensor(tensor, &value->type);
    lowered->has_view = true;
    return tensor;
}

/* A copy that passes through SBUF: numbers that no tensor holds. */
static void copy_generated(ts_lower *lower, ts_view *views) {
    ts_nest nest = ts_nest_plan(&lower->b, &views[0], views[0].rank, 2048);
    const ts_view *src = &views[1];
    ts_dtype dtype = ts_chip_dtype(src->dtype);
    int64_t parts = ts_nest_max_parts(&nest), free = ts_nest_max_free(&nest, 0, nest.rank);
    int64_t bytes = free * ts_dtype_get(dtype)->bytes;
    ts_tile tile = 0;
    if (src->kind == ts_view_splat) {
        tile = ts_build_tile(&lower->b, ts_space_sbuf, parts, bytes, 1);
        ts_ap whole = ts_build_ap(&lower->b, tile, dtype, ts_count_const(parts), ts_count_const(free));
        ts_emit_memset(&lower->b, ts_engine_vector, &whole, src->value);
    }
    ts_nest_open(&nest, 0, nest.rank);
    if (src->kind == ts_view_iota) {
        tile = ts_build_tile(&lower->b, ts_space_sbuf, parts, bytes, 2);
        ts_lower_iota(lower, &nest, tile, src);
    }
    ts_ap from = ts_build_ap(&lower->b, tile, dtype, ts_nest_parts(&nest), ts_nest_free(&nest, 0, nest.rank));
    ts_ap to = ts_nest_hbm(&nest, &views[0], false);
    ts_emit_dma(&lower->b, ts_engine_tensor, TS_STORE_QUEUE, &to, &from);
    ts_nest_close(&nest, 0, nest.rank);
}

void ts_lower_iota(ts_lower *lower, const ts_nest *nest, ts_tile tile, const ts_view *view) {
    ts_affine offset = ts_affine_const(view->offset);
    for (int i = 0; i < nest->rank; i++)
        if (nest->is_open[i])
            offset = ts_build_term(&lower->b, offset, view->stride[i] * nest->tile[i], nest->loop[i]);
    ts_ap dst =
        ts_build_ap(&lower->b, tile, ts_chip_dtype(view->dtype), ts_nest_parts(nest), ts_count_const(1));
    int64_t pattern[4] = {0}, step = 1;
    dst.dims = 0;
    for (int i = nest->first_free; i < nest->rank; i++) {
        pattern[dst.dims] = view->stride[i];
        ts_ap_dim(&dst, 0, ts_nest_axis_count(nest, i));
    }
    for (int i = dst.dims; i-- > 0;) {
        dst.dim[i].step = step;
        step *= dst.dim[i].count.max;
    }
    if (dst.dims == 0) ts_ap_dim(&dst, 1, ts_count_const(1));
    ts_emit_iota(&lower->b, &dst, offset, nest->part < 0 ? 0 : view->stride[nest->part], pattern);
}

ts_status ts_lower_copy(ts_lower *lower, const ts_view *dst, const ts_view *src) {
    if (ts_view_elems(dst) == 0) return ts_ok;
    ts_view views[2] = {*dst, *src};
    ts_views_merge(views, 2);
    if (src->kind != ts_view_tensor) {
        copy_generated(lower, views);
        return ts_ok;
    }
    ts_nest nest = {.b = &lower->b, .rank = views[0].rank, .part = -1};
    memcpy(nest.size, views[0].dim, sizeof nest.size);
    nest.first_free = nest.rank > TS_AP_DIMS - 1 ? nest.rank - (TS_AP_DIMS - 1) : 0;
    for (int i = 0; i < nest.rank; i++)
        nest.tile[i] = i < nest.first_free ? 1 : nest.size[i];
    ts_nest_open(&nest, 0, nest.rank);
    ts_ap to = ts_nest_hbm(&nest, &views[0], false), from = ts_nest_hbm(&nest, &views[1], false);
    ts_emit_dma(&lower->b, ts_engine_sync, ts_lower_load_queue(lower), &to, &from);
    ts_nest_close(&nest, 0, nest.rank);
    return ts_ok;
}

/* Bytes of a dense attribute of rank >= 1 become a constant tensor; scalars and splats stay numbers. */
static ts_status lower_constant(ts_lower *lower, ts_op_node *op) {
    const ts_attr *value = ts_op_attr(op, "value");
    const ts_type *type = &op->results[0]->type;
    ts_lowered *lowered = note(op->results[0]);
    if (!value || value->kind != ts_attr_dense)
        return ts_op_fail(lower->module, op, lower->diag, ts_input, "constant without a dense value");
    lowered->has_view = true;
    if (value->is_splat || ts_type_elems(type) == 1) {
        double number = 0;
        int32_t word = 0;
        float narrow = 0;
        if (type->dtype == ts_dtype_i32) {
            memcpy(&word, value->data, 4);
            number = word;
        } else if (type->dtype == ts_dtype_u32) {
            memcpy(&word, value->data, 4);
            number = (uint32_t)word;
        } else {
            ts_dtype_widen(ts_chip_dtype(type->dtype), value->data, &narrow, 1);
            number = narrow;
        }
        lowered->view = ts_view_of_splat(type->dtype, number, type);
        return ts_ok;
    }
    uint32_t index =
        ts_build_tensor(&lower->b, ts_tensor_constant, type->dtype, type->rank, type->dim, "constant");
    ts_tensor *tensor = &lower->program->tensors.data[index];
    char *data = ts_arena_alloc(&lower->program->arena, value->data_bytes);
    memcpy(data, value->data, value->data_bytes);
    tensor->data = data;
    lowered->view = ts_view_of_tensor(index, type);
    return ts_ok;
}

static ts_status lower_view_op(ts_lower *lower, ts_op_node *op) {
    ts_view operand = {0};
    ts_lowered *lowered = note(op->results[0]);
    if (op->operand_count) TS_TRY(ts_lower_view(lower, op->operands[0], &operand));
    lowered->has_view = true;
    if (ts_view_apply(op, &operand, &lowered->view)) {
        lowered->view.dtype = op->results[0]->type.dtype;
        return ts_ok;
    }
    const ts_type *from = &op->operands[0]->type;
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, from, "contiguous"), from);
    TS_TRY(ts_lower_copy(lower, &whole, &operand));
    if (ts_view_apply(op, &whole, &lowered->view)) return ts_ok;
    return ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "this rearrangement has no view");
}

static ts_status lower_concatenate(ts_lower *lower, ts_op_node *op) {
    int64_t axis = ts_op_int(op, "dimension", 0), at = 0;
    ts_view views[64];
    if (op->operand_count > 64)
        return ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "more than 64 operands");
    for (uint32_t i = 0; i < op->operand_count; i++)
        TS_TRY(ts_lower_view(lower, op->operands[i], &views[i]));
    ts_lower_result(lower, op->results[0]);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view part = note(op->results[0])->view;
        part.offset += at * part.stride[axis];
        part.dim[axis] = views[i].dim[axis];
        at += part.dim[axis];
        TS_TRY(ts_lower_copy(lower, &part, &views[i]));
    }
    return ts_ok;
}

/* Fills the result with the padding value, then copies the operand into its place: element i of an axis
   goes to low + i * (interior + 1), and what falls outside is cut off. */
static ts_status lower_pad(ts_lower *lower, ts_op_node *op) {
    int64_t low[TS_MAX_RANK], interior[TS_MAX_RANK];
    int count;
    ts_view source, value;
    TS_TRY(ts_lower_view(lower, op->operands[0], &source));
    TS_TRY(ts_lower_view(lower, op->operands[1], &value));
    ts_op_ints(op, "edge_padding_low", low, TS_MAX_RANK, &count);
    ts_op_ints(op, "interior_padding", interior, TS_MAX_RANK, &count);
    ts_lower_result(lower, op->results[0]);
    ts_view whole = note(op->results[0])->view, inside = whole, fill = whole;
    fill.kind = value.kind;
    fill.tensor = value.tensor;
    fill.offset = value.offset;
    fill.value = value.value;
    memset(fill.stride, 0, sizeof fill.stride);
    TS_TRY(ts_lower_copy(lower, &whole, &fill));
    for (int i = 0; i < count; i++) {
        int64_t step = interior[i] + 1, first = low[i] < 0 ? (-low[i] + step - 1) / step : 0;
        int64_t last = source.dim[i] - 1;
        while (last >= first && low[i] + last * step >= whole.dim[i])
            last--;
        if (last < first) return ts_ok;
        source.offset += first * source.stride[i];
        source.dim[i] = inside.dim[i] = last - first + 1;
        inside.offset += (low[i] + first * step) * whole.stride[i];
        inside.stride[i] = step * whole.stride[i];
    }
    return ts_lower_copy(lower, &inside, &source);
}

static ts_status lower_return(ts_lower *lower, ts_op_node *op) {
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_value *value = op->operands[i];
        ts_view view;
        TS_TRY(ts_lower_view(lower, value, &view));
        const ts_tensor *tensor =
            view.kind == ts_view_tensor ? &lower->program->tensors.data[view.tensor] : NULL;
        bool is_there =
            tensor && tensor->kind == ts_tensor_output && tensor->number == i && ts_view_is_contiguous(&view);
        if (is_there) continue;
        uint32_t index = ts_build_tensor(&lower->b, ts_tensor_output, value->type.dtype, value->type.rank,
                                         value->type.dim, "result");
        lower->program->tensors.data[index].number = i;
        ts_view whole = ts_view_of_tensor(index, &value->type);
        TS_TRY(ts_lower_copy(lower, &whole, &view));
    }
    return ts_ok;
}

static ts_status refuse(ts_lower *lower, ts_op_node *op) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported,
               "the compiler has no lowering for this operation yet");
    ts_diag_remedy(lower->diag, "see `trainstone compile --help` for the operations that run");
    return ts_unsupported;
}

static ts_status lower_op(ts_lower *lower, ts_op_node *op) {
    static const bool is_pointwise[ts_hlo_count] = {
#define CLASS_pointwise            true
#define CLASS_view                 false
#define CLASS_own                  false
#define CLASS_control              false
#define CLASS_none                 false
#define HLO(name, operands, class) [ts_hlo_##name] = CLASS_##class,
#include "compiler/hlo.def"
    };
    lower->b.loc = op->loc;
    if (op->kind == ts_hlo_return) return lower_return(lower, op);
    TS_TRY(ts_lower_check_dtypes(lower, op));
    if (is_pointwise[op->kind]) return ts_lower_pointwise(lower, op);
    switch (op->kind) {
    case ts_hlo_constant: return lower_constant(lower, op);
    case ts_hlo_iota:
    case ts_hlo_broadcast_in_dim:
    case ts_hlo_reshape:
    case ts_hlo_reverse:
    case ts_hlo_slice:
    case ts_hlo_transpose:
    case ts_hlo_unrealized_conversion_cast: return lower_view_op(lower, op);
    case ts_hlo_concatenate: return lower_concatenate(lower, op);
    case ts_hlo_pad: return lower_pad(lower, op);
    case ts_hlo_reduce:
        return op->operand_count == 2 ? ts_lower_reduce(lower, op) : ts_lower_argmax(lower, op);
    case ts_hlo_dot_general: return ts_lower_dot(lower, op);
    case ts_hlo_gather: return ts_lower_gather(lower, op);
    case ts_hlo_scatter: return ts_lower_scatter(lower, op);
    case ts_hlo_dynamic_slice: return ts_lower_dynamic_slice(lower, op);
    case ts_hlo_dynamic_update_slice: return ts_lower_dynamic_update_slice(lower, op);
    default: return refuse(lower, op);
    }
}

/* The op that a two-argument region applies to its arguments, for reductions and scatters. */
bool ts_region_alu(const ts_block *region, ts_alu *alu) {
    static const struct {
        uint16_t hlo;
        ts_alu alu;
    } known[] = {{ts_hlo_add, ts_alu_add},         {ts_hlo_multiply, ts_alu_multiply},
                 {ts_hlo_maximum, ts_alu_max},     {ts_hlo_minimum, ts_alu_min},
                 {ts_hlo_and, ts_alu_bitwise_and}, {ts_hlo_or, ts_alu_bitwise_or},
                 {ts_hlo_xor, ts_alu_bitwise_xor}};
    if (!region || region->arg_count != 2 || region->ops.count == 0) return false;
    const ts_op_node *last = region->ops.data[region->ops.count - 1];
    if (last->operand_count != 1) return false;
    if (region->ops.count == 1 && last->operands[0] == region->args[1]) {
        *alu = ts_alu_bypass;
        return true;
    }
    const ts_op_node *op = region->ops.data[0];
    if (region->ops.count != 2 || op->operand_count != 2 || last->operands[0] != op->results[0]) return false;
    bool is_args = (op->operands[0] == region->args[0] && op->operands[1] == region->args[1]) ||
                   (op->operands[0] == region->args[1] && op->operands[1] == region->args[0]);
    for (size_t i = 0; is_args && i < sizeof known / sizeof *known; i++)
        if (known[i].hlo == op->kind) {
            *alu = known[i].alu;
            return true;
        }
    return false;
}

static void count_uses(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            if (note(op->operands[j])) note(op->operands[j])->uses++;
    }
}

static void make_notes(ts_lower *lower, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        block->args[i]->note = TS_NEW(&lower->arena, ts_lowered);
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->result_count; j++)
            op->results[j]->note = TS_NEW(&lower->arena, ts_lowered);
    }
    count_uses(block);
}

static void bind_arguments(ts_lower *lower, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++) {
        ts_value *value = block->args[i];
        uint32_t tensor = ts_build_tensor(&lower->b, ts_tensor_input, value->type.dtype, value->type.rank,
                                          value->type.dim, "argument");
        lower->program->tensors.data[tensor].number = i;
        note(value)->view = ts_view_of_tensor(tensor, &value->type);
        note(value)->has_view = true;
    }
}

/* Results that ops compute get output storage at once; the rest is copied at the return. */
static void mark_outputs(const ts_block *block) {
    const ts_op_node *last = block->ops.data[block->ops.count - 1];
    for (uint32_t i = 0; i < last->operand_count; i++)
        if (!note(last->operands[i])->output) note(last->operands[i])->output = (int32_t)i + 1;
}

ts_status ts_lower_main(ts_lower *lower) {
    const ts_block *block = lower->func->body;
    make_notes(lower, block);
    mark_outputs(block);
    bind_arguments(lower, block);
    for (uint32_t i = 0; i < block->ops.count; i++)
        TS_TRY(lower_op(lower, block->ops.data[i]));
    return ts_ok;
}
