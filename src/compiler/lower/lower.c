/* The driver of lowering: walks @main once, dispatches each op, and allocates storage. */
#include "compiler/lower/lower.h"

#include "compiler/graph/collective.h"
#include "compiler/lower/home.h"
#include "compiler/passes.h"

#include <string.h>

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

int ts_lower_load_queue(ts_lower *lower) {
    return TS_LOAD_QUEUE + lower->next_queue++ % TS_LOAD_QUEUES;
}

static const char COMPLEX_REMEDY[] =
    "carry real and imaginary parts as two arrays, or compute this on the host: jax.device_put(x, "
    "jax.devices(\"cpu\")[0])";

/* Types of arguments and results that are only moved, as bytes or halves (expand_fp8.c, expand_wide.c,
 * expand_complex.c). */
static bool is_carried(unsigned dtype) {
    return dtype == ts_dtype_f8e4m3fn || dtype == ts_dtype_i64 || dtype == ts_dtype_u64 ||
           dtype == ts_dtype_c64;
}

ts_status ts_lower_check_dtypes(ts_lower *lower, const ts_op_node *op) {
    bool is_moved = op->kind == ts_hlo_bitcast_convert || op->kind == ts_hlo_return ||
                    op->kind == ts_hlo_optimization_barrier || ts_hlo_is_collective(op->kind) ||
                    ts_op_is_host_call(op);
    const int64_t most = (int64_t)1 << 46; /* far above any memory, far below overflow of sizes */
    for (uint32_t i = 0; i < op->operand_count + op->result_count; i++) {
        const ts_value *value = i < op->operand_count ? op->operands[i] : op->results[i - op->operand_count];
        const ts_dtype_info *info = ts_dtype_get(value->type.dtype);
        bool is_tensor = value->type.kind == ts_type_tensor;
        if (!is_tensor || !(info->native || (is_carried(value->type.dtype) && is_moved))) {
            ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s has no datapath for %s",
                       lower->b.chip->name, is_tensor ? info->name : "values that are not tensors");
            ts_diag_remedy(lower->diag, value->type.dtype == ts_dtype_c64 ? COMPLEX_REMEDY
                                        : value->type.dtype == ts_dtype_c128
                                            ? "use complex64 (jax_enable_x64 off)"
                                            : "use f32, bf16, f16 or 32-bit integers (jax_enable_x64 off)");
            return ts_unsupported;
        }
        for (int k = 0; k < value->type.rank; k++)
            if (value->type.dim[k] < 0)
                return ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "dynamic shapes");
        if (ts_type_elems(&value->type) > most)
            return ts_op_fail(lower->module, op, lower->diag, ts_capacity,
                              "a value of more than 2^46 elements exceeds the HBM of a NeuronCore");
    }
    return ts_ok;
}

ts_status ts_lower_shifted(ts_lower *lower, ts_value *value, ts_view *view) {
    ts_lowered *lowered = note(value);
    if (!lowered->has_view && lowered->group) TS_TRY(ts_lower_close_group(lower, lowered->group));
    if (!lowered->has_view && lowered->is_again) TS_TRY(ts_lower_computed_again(lower, value));
    if (!lowered->has_view)
        return ts_fail(lower->diag, ts_input, "value %%%u is used before it is computed", value->id);
    *view = lowered->view;
    return ts_ok;
}

/* Copies the value to a tensor of its own, which later readers share if they are sure to see it written. */
static ts_status materialise(ts_lower *lower, ts_value *value, ts_view *view) {
    ts_lowered *lowered = note(value);
    if (lowered->has_whole) {
        *view = lowered->whole;
        return ts_ok;
    }
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, &value->type, "materialised"), &value->type);
    TS_TRY(ts_lower_copy(lower, &whole, view));
    *view = whole;
    if (lowered->region != lower->region) return ts_ok;
    lowered->whole = whole;
    lowered->has_whole = true;
    return ts_ok;
}

ts_status ts_lower_view(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_shifted(lower, value, view));
    return ts_view_is_shifted(view) ? materialise(lower, value, view) : ts_ok;
}

/* Whether a DMA needs a copy of the view: its numbers are in no tensor, or it would be moved element by
   element. */
static bool needs_copy(const ts_view *view) {
    return view->kind != ts_view_tensor || ts_view_is_stepped(view);
}

ts_status ts_lower_tensor(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_view(lower, value, view));
    return needs_copy(view) ? materialise(lower, value, view) : ts_ok;
}

ts_status ts_lower_shifted_tensor(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_shifted(lower, value, view));
    return needs_copy(view) ? materialise(lower, value, view) : ts_ok;
}

ts_status ts_lower_along(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_shifted(lower, value, view));
    ts_view whole = ts_view_of_tensor(0, &value->type), merged[2] = {whole, *view};
    if (view->kind == ts_view_tensor) ts_views_merge(merged, 2); /* short axes may be a long run together */
    bool is_copied = ts_view_is_across(&merged[0], &merged[1]) || ts_view_is_swapped(&whole, view) ||
                     ts_view_is_stepped(view);
    return is_copied ? materialise(lower, value, view) : ts_ok;
}

ts_status ts_lower_whole(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_shifted(lower, value, view));
    return ts_view_is_contiguous(view) ? ts_ok : materialise(lower, value, view);
}

uint32_t ts_lower_scratch(ts_lower *lower, const ts_type *type, const char *name) {
    return ts_build_tensor(&lower->b, ts_tensor_scratch, type->dtype, type->rank, type->dim, name);
}

/* An attribute of argument or result `number`, or NULL. */
static const ts_attr *signature_attr(const ts_attr *attrs, uint32_t number, const char *name) {
    if (!attrs || attrs->kind != ts_attr_array || number >= attrs->count) return NULL;
    const ts_attr *dict = attrs->array[number];
    if (dict->kind != ts_attr_dict) return NULL;
    for (uint32_t i = 0; i < dict->count; i++)
        if (strcmp(dict->dict[i].name, name) == 0) return dict->dict[i].value;
    return NULL;
}

static const char *signature_name(ts_lower *lower, const ts_attr *attrs, uint32_t number, const char *name,
                                  const char *otherwise) {
    const ts_attr *attr = signature_attr(attrs, number, name);
    if (attr && attr->kind == ts_attr_string && attr->string[0]) return attr->string;
    return ts_arena_format(&lower->arena, "%s%u", otherwise, number);
}

/* Finds the argument whose buffer each result should reuse (donation). */
static void find_donors(ts_lower *lower, const ts_block *block) {
    const ts_op_node *result = ts_block_last(block);
    lower->donors = TS_NEW_ARRAY(&lower->arena, int32_t, result->operand_count);
    for (uint32_t i = 0; i < result->operand_count; i++)
        lower->donors[i] = -1;
    for (uint32_t i = 0; i < block->arg_count; i++) {
        const ts_attr *alias = signature_attr(lower->func->arg_attrs, i, "tf.aliasing_output");
        bool is_one = alias && alias->kind == ts_attr_int && alias->integer >= 0 &&
                      alias->integer < (int64_t)result->operand_count;
        if (is_one && ts_type_equal(&block->args[i]->type, &result->operands[alias->integer]->type))
            lower->donors[alias->integer] = (int32_t)i;
    }
}

static uint32_t make_output(ts_lower *lower, const ts_type *type, uint32_t number) {
    const char *name = signature_name(lower, lower->func->result_attrs, number, "jax.result_info", "result");
    uint32_t index = ts_build_tensor(&lower->b, ts_tensor_output, type->dtype, type->rank, type->dim, name);
    ts_tensor *tensor = &lower->program->tensors.data[index];
    tensor->number = number;
    tensor->alias = lower->donors[number];
    return index;
}

uint32_t ts_lower_result_over(ts_lower *lower, ts_value *value, const ts_value *over) {
    ts_lowered *lowered = note(value);
    uint32_t tensor = 0;
    if (!lowered->home && ts_home_slot(lower, value, &lowered->view)) {
        lowered->has_view = true;
        return lowered->view.tensor;
    }
    if (lowered->home && ts_home_is_free(lower, lowered->home - 1, lower->at, over))
        tensor = lowered->home - 1;
    else if (lowered->output)
        tensor = make_output(lower, &value->type, (uint32_t)lowered->output - 1);
    else
        tensor = ts_lower_scratch(lower, &value->type, value->def ? ts_hlo_name(value->def->kind) : "value");
    lowered->view = ts_view_of_tensor(tensor, &value->type);
    lowered->has_view = true;
    return tensor;
}

uint32_t ts_lower_result(ts_lower *lower, ts_value *value) {
    return ts_lower_result_over(lower, value, NULL);
}

static ts_status lower_return(ts_lower *lower, ts_op_node *op) {
    TS_TRY(ts_lower_check_dtypes(lower, op)); /* arguments that are returned unchanged meet no other op */
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_value *value = op->operands[i];
        ts_view view;
        TS_TRY(ts_lower_shifted(lower, value, &view));
        const ts_tensor *tensor =
            view.kind == ts_view_tensor ? &lower->program->tensors.data[view.tensor] : NULL;
        bool is_there =
            tensor && tensor->kind == ts_tensor_output && tensor->number == i && ts_view_is_contiguous(&view);
        if (is_there) continue;
        ts_view whole = ts_view_of_tensor(make_output(lower, &value->type, i), &value->type);
        TS_TRY(ts_lower_copy(lower, &whole, &view));
    }
    return ts_ok;
}

static ts_status lower_reduce(ts_lower *lower, ts_op_node *op) {
    return op->operand_count == 2 ? ts_lower_reduce(lower, op) : ts_lower_argmax(lower, op);
}

typedef ts_status lowering(ts_lower *lower, ts_op_node *op);

/* Ops of the classes pointwise and view share a lowering. Every other op that runs has one of its own. */
static lowering *lowering_of(const ts_op_node *op) {
    static lowering *const by_class[ts_hlo_count] = {
#define CLASS_pointwise            ts_lower_pointwise
#define CLASS_view                 ts_lower_view_op
#define CLASS_own                  NULL
#define CLASS_control              NULL
#define CLASS_none                 NULL
#define HLO(name, operands, class) [ts_hlo_##name] = CLASS_##class,
#include "compiler/graph/hlo.def"
    };
    static lowering *const own[ts_hlo_count] = {
        [ts_hlo_all_gather] = ts_lower_collective,
        [ts_hlo_all_reduce] = ts_lower_collective,
        [ts_hlo_all_to_all] = ts_lower_collective,
        [ts_hlo_case] = ts_lower_case,
        [ts_hlo_bitcast_convert] = ts_lower_bitcast,
        [ts_hlo_collective_broadcast] = ts_lower_collective,
        [ts_hlo_collective_permute] = ts_lower_collective,
        [ts_hlo_concatenate] = ts_lower_concatenate,
        [ts_hlo_constant] = ts_lower_constant,
        [ts_hlo_convolution] = ts_lower_convolution,
        [ts_hlo_dot_general] = ts_lower_dot,
        [ts_hlo_dynamic_slice] = ts_lower_dynamic_slice,
        [ts_hlo_dynamic_update_slice] = ts_lower_dynamic_update_slice,
        [ts_hlo_gather] = ts_lower_gather,
        [ts_hlo_if] = ts_lower_case,
        [ts_hlo_optimization_barrier] = ts_lower_barrier,
        [ts_hlo_pad] = ts_lower_pad,
        [ts_hlo_rank] = ts_lower_rank,
        [ts_hlo_reduce] = lower_reduce,
        [ts_hlo_reduce_scatter] = ts_lower_collective,
        [ts_hlo_reduce_window] = ts_lower_reduce_window,
        [ts_hlo_scatter] = ts_lower_scatter,
        [ts_hlo_select_and_scatter] = ts_lower_select_and_scatter,
        [ts_hlo_sort] = ts_lower_sort,
        [ts_hlo_while] = ts_lower_while,
    };
    if (ts_op_is_kernel(op)) return ts_lower_kernel;
    if (ts_op_is_host_call(op)) return ts_lower_host_call;
    return by_class[op->kind] ? by_class[op->kind] : own[op->kind];
}

/* Whether the ops of the regions are lowered one by one. Regions of reductions and the like are interpreted
   as a whole. */
static bool has_lowered_regions(const ts_op_node *op) {
    return op->kind == ts_hlo_while || op->kind == ts_hlo_case || op->kind == ts_hlo_if;
}

static ts_status check_depth(ts_lower *lower, const ts_op_node *op) {
    if (lower->b.deepest <= TS_MAX_LOOP_DEPTH) return ts_ok;
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "loops nest %d deep, at most %d run",
               lower->b.deepest, TS_MAX_LOOP_DEPTH);
    ts_diag_remedy(lower->diag, "join nested scans, loops or conditions");
    return ts_unsupported;
}

/* What the user can do instead of an operation that has no lowering. */
static const char *remedy_of(const ts_op_node *op, const char *target) {
    switch (op->kind) {
    case ts_hlo_complex:
    case ts_hlo_real:
    case ts_hlo_imag:
    case ts_hlo_fft: return COMPLEX_REMEDY;
    case ts_hlo_cholesky:
    case ts_hlo_triangular_solve:
        return "of fp32 they run; solve this on the host: jax.device_put(x, jax.devices(\"cpu\")[0])";
    case ts_hlo_rng: return "use jax.random, whose bits are defined";
    default: break;
    }
    if (strcmp(target, "ApproxTopK") == 0) return "use jax.lax.top_k";
    return "docs/conformance.md counts what runs, operation by operation";
}

static ts_status lower_op(ts_lower *lower, ts_op_node *op) {
    bool is_done = false;
    lower->b.loc = op->loc;
    lower->at = op->number;
    for (uint32_t i = 0; i < op->result_count; i++)
        note(op->results[i])->region = lower->region;
    lowering *run = lowering_of(op);
    if (!run) {
        const char *target = ts_op_string(op, "call_target_name");
        ts_op_fail(lower->module, op, lower->diag, ts_unsupported,
                   "the compiler has no lowering for this operation%s%.64s", target[0] ? ": " : "", target);
        ts_diag_remedy(lower->diag, "%s", remedy_of(op, target));
        return ts_unsupported;
    }
    TS_TRY(ts_lower_check_dtypes(lower, op));
    TS_TRY(ts_lower_counted(lower, op, &is_done));
    if (is_done) return ts_ok;
    lower->program->model_flops += ts_op_flops(op) * lower->repeat;
    if (run != ts_lower_pointwise)
        for (uint32_t i = 0; i < op->result_count; i++)
            TS_TRY(ts_home_flush(lower, note(op->results[i])->home));
    TS_TRY(run(lower, op));
    return check_depth(lower, op);
}

static ts_status lower_ops(ts_lower *lower, const ts_block *block) {
    for (uint32_t i = 0; i + 1 < block->ops.count; i++)
        TS_TRY(lower_op(lower, block->ops.data[i]));
    lower->at = ts_block_last(block)->number;
    return ts_ok;
}

ts_status ts_lower_inline(ts_lower *lower, const ts_block *block) {
    ts_vec_push(&lower->blocks, &lower->arena, block);
    TS_TRY(lower_ops(lower, block));
    lower->blocks.count--;
    return ts_ok;
}

ts_status ts_lower_block(ts_lower *lower, const ts_block *block) {
    uint32_t outer = lower->region;
    lower->region = ++lower->region_count;
    for (uint32_t i = 0; i < block->arg_count; i++)
        note(block->args[i])->region = lower->region;
    ts_vec_push(&lower->blocks, &lower->arena, block);
    TS_TRY(lower_ops(lower, block));
    TS_TRY(ts_lower_close_groups(lower));
    lower->blocks.count--;
    lower->region = outer;
    return ts_ok;
}

/* Numbers the ops, and records the number of uses and the last reader of each value. */
static void count_uses(const ts_block *block, uint32_t *number) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        op->number = ++*number;
        for (uint32_t j = 0; j < op->operand_count; j++) {
            if (!note(op->operands[j])) continue;
            note(op->operands[j])->uses++;
            note(op->operands[j])->near_uses +=
                note(op->operands[j])->block == block && ts_hlo_is_pointwise(op->kind);
            note(op->operands[j])->last_use = op->number;
            note(op->operands[j])->reader = op;
        }
        for (uint32_t j = 0; j < op->result_count; j++)
            note(op->results[j])->block = block;
        for (uint32_t j = 0; has_lowered_regions(op) && j < op->region_count; j++)
            if (op->regions[j]) count_uses(op->regions[j], number);
    }
}

static void make_notes(ts_lower *lower, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        block->args[i]->note = TS_NEW(&lower->arena, ts_lowered);
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->result_count; j++)
            op->results[j]->note = TS_NEW(&lower->arena, ts_lowered);
        for (uint32_t j = 0; has_lowered_regions(op) && j < op->region_count; j++)
            if (op->regions[j]) make_notes(lower, op->regions[j]);
    }
}

static void bind_arguments(ts_lower *lower, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++) {
        ts_value *value = block->args[i];
        const char *name = signature_name(lower, lower->func->arg_attrs, i, "jax.arg_info", "argument");
        uint32_t tensor = ts_build_tensor(&lower->b, ts_tensor_input, value->type.dtype, value->type.rank,
                                          value->type.dim, name);
        lower->program->tensors.data[tensor].number = i;
        note(value)->view = ts_view_of_tensor(tensor, &value->type);
        note(value)->has_view = true;
    }
}

/* Marks computed results to be stored in output tensors directly; others are copied at the return. */
static void mark_outputs(const ts_block *block) {
    const ts_op_node *last = ts_block_last(block);
    for (uint32_t i = 0; i < last->operand_count; i++)
        if (!note(last->operands[i])->output) note(last->operands[i])->output = (int32_t)i + 1;
}

ts_status ts_lower_main(ts_lower *lower) {
    const ts_block *block = lower->func->body;
    uint32_t number = 0;
    lower->repeat = 1;
    lower->ranges = ts_value_ranges(lower->func, &lower->arena);
    make_notes(lower, block);
    count_uses(block, &number);
    mark_outputs(block);
    bind_arguments(lower, block);
    find_donors(lower, block);
    TS_TRY(ts_lower_inline(lower, block));
    return lower_return(lower, ts_block_last(block));
}
