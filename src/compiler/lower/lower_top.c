/* The first k elements of a sort by one key, without sorting the rest. VectorE's search instructions find
   eight elements of a row in one pass (max8, nc_find_index8, nc_match_replace8). Where rows are few or long,
   parts of rows are searched in parallel, and then the elements found. */
#include <math.h>
#include <string.h>

#include "compiler/lower/sort.h"
#include "compiler/lower/top.h"

enum {
    PARTITIONS = 128,
    MOST = 256,              /* most results of a row */
    SHORTEST_PART = 64,      /* fewest elements of a part */
    PAIRS = 2048,            /* pairs of found elements that a partition compares at once */
    EXACT_INDICES = 1 << 24, /* limit of exact indices in fp32 */
};

/* ---- a stage ---- */

/* The bits of a key that sorts after all others, as keys are stored. */
static double last_bits(const ts_top *s) {
    const ts_dtype_info *info = ts_dtype_get(s->dtype);
    double highest = ldexp(1, 8 * info->bytes - (info->kind == 's' || info->kind == 'f')) - 1;
    if (info->kind == 'f') return s->is_ascending ? highest : -1;
    if (info->kind == 's') return s->is_ascending ? highest : -highest - 1;
    if (!s->is_ascending) return 0;
    return info->bytes == 4 ? -1 : highest;
}

/* [rows, each] in HBM, for the tile of the open loop. */
static ts_ap in_hbm(const ts_top *s, uint32_t tensor, ts_dtype dtype, int64_t each) {
    ts_affine offset = ts_affine_const(0);
    if (s->has_tile_loop) offset = ts_build_term(s->b, offset, PARTITIONS * s->group * each, s->tile_loop);
    ts_ap ap = ts_build_hbm(tensor, dtype, offset);
    ts_ap_dim(&ap, s->group * each, s->parts);
    ts_ap_dim(&ap, each, ts_count_const(s->group));
    ts_ap_dim(&ap, 1, ts_count_const(each));
    return ap;
}

static void load(ts_top *s, ts_top_array *a) {
    if (a->is_index) return;
    a->data = ts_top_tile(s, s->group * s->width, a->dtype, 2);
    if (s->width > s->n && a == &s->arrays[0]) {
        ts_ap whole = ts_top_all(s, a->data, a->dtype, s->group * s->width);
        ts_emit_memset(s->b, ts_engine_vector, &whole, last_bits(s));
    }
    ts_ap to = ts_top_columns(s, a->data, a->dtype, s->width, 0, 1, s->n),
          from = in_hbm(s, a->from, a->dtype, s->n);
    ts_emit_dma(s->b, ts_engine_sync, ts_lower_load_queue(s->lower), &to, &from);
    if (a->part == 0) return;
    ts_ap base = ts_top_columns(s, a->base, ts_dtype_f32, 0, 0, 1, s->n);
    ts_emit_tensor_tensor(s->b, ts_engine_vector, &to, &to, &base, ts_alu_add);
}

static void store(ts_top *s, const ts_top_array *a, ts_tile indices) {
    ts_tile tile = ts_top_tile(s, s->group * s->k, a->dtype, 2);
    if (a->is_index) {
        ts_ap to = ts_top_columns(s, tile, a->dtype, s->k, 0, 1, s->k),
              from = ts_top_columns(s, indices, ts_dtype_u32, s->rounded, 0, 1, s->k);
        ts_emit_copy(s->b, ts_engine_vector, &to, &from);
    } else {
        ts_top_open_rows(s);
        ts_ap dst = ts_top_row(s, tile, a->dtype, s->k, 0, s->k),
              data = ts_top_row(s, a->data, a->dtype, s->width, 0, s->width),
              at = ts_top_row(s, indices, ts_dtype_u32, s->rounded, 0, s->k);
        ts_top_gather(s, &dst, &data, &at);
        ts_top_close_rows(s);
    }
    ts_ap to = in_hbm(s, a->to, a->dtype, s->k), from = ts_top_columns(s, tile, a->dtype, s->k, 0, 1, s->k);
    ts_emit_dma(s->b, ts_engine_tensor, TS_STORE_QUEUE, &to, &from);
}

/* Makes the constants: ranks 1, 2, 3 ..., and where the parts begin in which indices are counted. */
static void make_constants(ts_top *s) {
    ts_count parts = s->parts;
    s->parts = ts_count_const(s->most_parts);
    s->ranks = ts_top_tile(s, s->rounded, ts_dtype_f32, 1);
    ts_ap ranks = ts_top_all(s, s->ranks, ts_dtype_f32, s->rounded);
    ts_emit_iota(s->b, &ranks, ts_affine_const(1), 0, (int64_t[4]){1});
    for (int i = 0; i < s->array_count; i++) {
        ts_top_array *a = &s->arrays[i];
        if (a->part == 0) continue;
        a->base = ts_top_tile(s, s->n, ts_dtype_f32, 1);
        ts_ap base = ts_top_all(s, a->base, ts_dtype_f32, s->n / s->k);
        base.dim[0].step = s->k;
        ts_ap_dim(&base, 1, ts_count_const(s->k));
        ts_emit_iota(s->b, &base, ts_affine_const(0), 0, (int64_t[4]){a->part, 0});
    }
    s->parts = parts;
}

/* The number of rows that a partition processes together: as many as there is room for while rows still fill
   the partitions. */
static int64_t choose_group(const ts_top *s) {
    int64_t most = ts_build_at_most(s->b, TS_TOP_ROW) / s->width, best = 1;
    if (most > PAIRS / (TS_TOP_FOUND * s->rounded)) most = PAIRS / (TS_TOP_FOUND * s->rounded);
    for (int64_t group = 1; group <= most && s->rows / group >= PARTITIONS; group++)
        if (s->rows % group == 0) best = group;
    return best;
}

static void run_stage(ts_top *s) {
    s->width = s->n < TS_TOP_FOUND ? TS_TOP_FOUND : s->n;
    s->rounded = (s->k + TS_TOP_FOUND - 1) / TS_TOP_FOUND * TS_TOP_FOUND;
    s->group = choose_group(s);
    int64_t lines = s->rows / s->group;
    s->has_tile_loop = lines > PARTITIONS;
    s->most_parts = s->has_tile_loop ? PARTITIONS : lines;
    s->parts = ts_count_const(s->most_parts);
    make_constants(s);
    if (s->has_tile_loop) {
        s->tile_loop = ts_build_loop(s->b, ts_count_const((lines + PARTITIONS - 1) / PARTITIONS));
        s->parts = ts_build_ragged(s->b, PARTITIONS, lines, s->tile_loop, 1);
    }
    for (int i = 0; i < s->array_count; i++)
        load(s, &s->arrays[i]);
    ts_tile indices = ts_top_search(s);
    for (int i = 0; i < s->array_count; i++)
        if (s->arrays[i].to != TS_VIEW_NO_TENSOR) store(s, &s->arrays[i], indices);
    if (s->has_tile_loop) ts_build_end(s->b);
}

/* ---- rows in parts ---- */

/* The number of parts in which a row is searched; 1 = searched whole. The parts' results make one row. */
static int64_t parts_of(const ts_top *s) {
    int64_t most = ts_build_at_most(s->b, TS_TOP_ROW), shortest = 4 * s->k, parts = (s->n + most - 1) / most;
    if (shortest < SHORTEST_PART) shortest = SHORTEST_PART;
    if (s->rows * parts < PARTITIONS) parts = PARTITIONS / s->rows;
    if (parts > s->n / shortest) parts = s->n / shortest;
    if (parts > most / s->k) parts = most / s->k;
    return parts > 1 ? parts : 1;
}

static uint32_t new_lines(const ts_top *s, ts_dtype dtype, int64_t length, const char *name) {
    ts_type type = {.dtype = (uint8_t)dtype, .rank = 2, .dim = {s->rows, length}};
    return ts_lower_scratch(s->lower, &type, name);
}

/* Extends rows of n elements to `length`, with keys that sort last. */
static ts_status lengthen(const ts_top *s, ts_top_array *a, int64_t length) {
    ts_type wide = {.dtype = (uint8_t)a->dtype, .rank = 2, .dim = {s->rows, length}}, narrow = wide;
    narrow.dim[1] = s->n;
    ts_view from = ts_view_of_tensor(a->from, &narrow);
    a->from = new_lines(s, a->dtype, length, "longer");
    ts_view to = ts_view_of_tensor(a->from, &wide), rest = to;
    to.dim[1] = s->n;
    rest.offset = s->n;
    rest.dim[1] = length - s->n;
    ts_view fill = ts_view_of_splat(a->dtype, a == &s->arrays[0] ? last_bits(s) : 0, &wide);
    fill.dim[1] = rest.dim[1];
    TS_TRY(ts_lower_copy(s->lower, &to, &from));
    return ts_lower_copy(s->lower, &rest, &fill);
}

static ts_status run(ts_top *s) {
    int64_t parts = parts_of(s), length = (s->n + parts - 1) / parts;
    ts_top first = *s;
    for (int i = 0; i < s->array_count && parts > 1; i++) {
        ts_top_array *a = &s->arrays[i];
        if (!a->is_index && length * parts > s->n) TS_TRY(lengthen(s, a, length * parts));
        first.arrays[i] = *a;
        first.arrays[i].to = a->from = new_lines(s, a->dtype, parts * s->k, "found");
        a->part = a->is_index ? length : 0;
        a->is_index = false;
    }
    if (parts > 1) {
        first.rows = s->rows * parts;
        first.n = length;
        run_stage(&first);
        s->n = parts * s->k;
    }
    run_stage(s);
    return ts_ok;
}

/* ---- choice ---- */

static double square(double x) {
    return x * x;
}

/* Rough cost in cycles of VectorE: passes over rows, comparisons of found elements, and fixed costs of
   instructions. */
static double stage_cost(const ts_top *s, double rows, double width) {
    double rounds = ceil((double)s->k / TS_TOP_FOUND), lists = ts_top_is_word(s) ? 2 : 1;
    double passes = 3 * rounds - 1 + (ts_top_is_word(s) ? 2 * rounds : 0) +
                    (ts_top_is_word(s) || ts_top_is_float(s) ? 2 : 0);
    double a_row = passes * (width > 64 ? width : 64) + lists * rounds * 3 * 64;
    if (ts_top_is_word(s)) a_row += 9 * square(rounds * TS_TOP_FOUND) + 64 * (rounds + 3);
    return ceil(rows / PARTITIONS) * a_row + (ts_top_is_word(s) ? 30 : 6) * 300;
}

static double search_cost(const ts_top *s) {
    double parts = (double)parts_of(s), cost = stage_cost(s, (double)s->rows * parts, (double)s->n / parts);
    return parts == 1 ? cost : cost + stage_cost(s, (double)s->rows, parts * (double)s->k);
}

/* The same for the sorting network: five passes over half the elements to exchange each array, plus the
   comparisons. */
static double network_cost(const ts_top *s) {
    double length = exp2(ceil(log2((double)s->n))), levels = log2(length);
    double elems = (double)s->rows * length / PARTITIONS, longest = 8192;
    double a_step = elems / 2 * (5 * (1 + s->array_count) + 8) + 25 * 200 * ceil(elems / longest);
    return levels * (levels + 1) / 2 * (a_step > length ? a_step : length);
}

static bool is_searchable(const ts_top *s) {
    int64_t parts = parts_of(s);
    if (s->k > MOST || s->rows == 0 || s->n >= EXACT_INDICES) return false;
    if ((s->n + parts - 1) / parts > ts_build_at_most(s->b, TS_TOP_ROW)) return false;
    return search_cost(s) < network_cost(s);
}

/* ---- the op ---- */

/* Permutes the view to have the sort axis last. */
static ts_view sorted_last(const ts_view *view, int axis) {
    int perm[TS_VIEW_RANK], at = 0;
    for (int i = 0; i < view->rank; i++)
        if (i != axis) perm[at++] = i;
    perm[at] = axis;
    return ts_view_permute(view, view->rank, perm);
}

static bool counts_along(const ts_view *view, int axis) {
    bool counts = view->kind == ts_view_iota && view->offset == 0 && !ts_view_is_shifted(view);
    for (int i = 0; i < view->rank && counts; i++)
        counts = view->dim[i] == 1 || view->stride[i] == (i == axis);
    return counts && ts_dtype_get(view->dtype)->bytes == 4;
}

static ts_status add_array(ts_top *s, ts_value *operand, int axis, bool is_key) {
    ts_view view;
    ts_top_array *a = &s->arrays[s->array_count++];
    *a = (ts_top_array){.to = TS_VIEW_NO_TENSOR, .dtype = ts_sort_bits(operand->type.dtype)};
    TS_TRY(ts_lower_view(s->lower, operand, &view));
    if (!is_key && counts_along(&view, axis)) {
        a->is_index = true;
        return ts_ok;
    }
    if (view.kind != ts_view_tensor) TS_TRY(ts_lower_tensor(s->lower, operand, &view));
    view = sorted_last(&view, axis);
    if (ts_view_is_contiguous(&view)) {
        a->from = view.tensor;
        return ts_ok;
    }
    a->from = new_lines(s, ts_chip_dtype(operand->type.dtype), s->n, "lines");
    ts_type type = operand->type;
    memcpy(type.dim, view.dim, sizeof type.dim);
    ts_view lines = ts_view_of_tensor(a->from, &type);
    return ts_lower_copy(s->lower, &lines, &view);
}

/* The tensor for a result's lines: its own storage if that is in order, otherwise a scratch tensor that is
   copied at the end. */
static uint32_t storage_of(ts_top *s, ts_value *result, int axis) {
    ts_lower_result(s->lower, result);
    const ts_view *view = &((ts_lowered *)result->note)->view;
    if (axis == view->rank - 1 && ts_view_is_contiguous(view)) return view->tensor;
    return new_lines(s, ts_chip_dtype(result->type.dtype), s->k, "sorted");
}

static ts_status put_result(ts_top *s, ts_value *result, int axis, uint32_t tensor) {
    ts_view to = sorted_last(&((ts_lowered *)result->note)->view, axis), from = to;
    if (tensor == to.tensor) return ts_ok;
    from.tensor = tensor;
    from.offset = 0;
    from.shift = ts_affine_const(0);
    int64_t stride = 1;
    for (int i = from.rank; i-- > 0; stride *= from.dim[i])
        from.stride[i] = stride;
    return ts_lower_copy(s->lower, &to, &from);
}

ts_status ts_lower_top(ts_lower *lower, ts_op_node *op, int axis, int key, bool is_ascending, bool *is_done) {
    const ts_type *type = &op->operands[key]->type, *shorter = &op->results[key]->type;
    ts_top s = {.lower = lower,
                .b = &lower->b,
                .dtype = ts_chip_dtype(type->dtype),
                .n = type->dim[axis],
                .is_ascending = is_ascending};
    s.k = shorter->dim[axis];
    s.rows = ts_type_elems(type) / s.n;
    int which[TS_TOP_ARRAYS] = {0};
    uint32_t tensors[TS_TOP_ARRAYS];
    s.array_count = 1;
    for (uint32_t i = 0; i < op->operand_count; i++)
        s.array_count += (int)i != key && ts_sort_is_read(op->results[i]);
    *is_done = s.array_count <= TS_TOP_ARRAYS && is_searchable(&s);
    if (!*is_done) return ts_ok;
    s.array_count = 0;
    which[0] = key;
    TS_TRY(add_array(&s, op->operands[key], axis, true));
    for (uint32_t i = 0; i < op->operand_count; i++) {
        if ((int)i == key || !ts_sort_is_read(op->results[i])) continue;
        which[s.array_count] = (int)i;
        TS_TRY(add_array(&s, op->operands[i], axis, false));
    }
    for (int i = 0; i < s.array_count; i++)
        if (ts_sort_is_read(op->results[which[i]]))
            s.arrays[i].to = tensors[i] = storage_of(&s, op->results[which[i]], axis);
    TS_TRY(run(&s));
    for (int i = 0; i < s.array_count; i++)
        if (s.arrays[i].to != TS_VIEW_NO_TENSOR)
            TS_TRY(put_result(&s, op->results[which[i]], axis, tensors[i]));
    return ts_ok;
}
