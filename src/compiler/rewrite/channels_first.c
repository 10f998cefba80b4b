/* Channels first: around convolutions, images are laid out as [channel, image, place]. A channel is then one
   long run in HBM, loads that put channels on partitions need no transpose, and a channel's statistics are
   sums along a row. Pointwise ops, broadcasts, windows and reductions between convolutions use this layout
   too; elsewhere a transpose converts between the layouts. */
#include <string.h>

#include "compiler/graph/convolution.h"
#include "compiler/graph/graph_make.h"
#include "compiler/passes.h"

/* The layout of a value: axis i in memory is axis axis[i] of the value in the program. */
typedef struct layout {
    bool is_set, is_counted;
    uint32_t block; /* number of the block that defines the value; 0 = none */
    int axis[TS_MAX_RANK];
    ts_value *turned; /* the value in this layout, once it exists */
} layout;

/* A copy in some layout of a value that has another layout or none. */
typedef struct copy {
    const ts_value *of;
    int axis[TS_MAX_RANK];
    ts_value *turned;
} copy;

typedef struct channels {
    ts_module *module;
    ts_func *main;
    ts_arena arena;
    layout *layouts; /* by id, of the values that the pass found */
    uint32_t block, blocks;
    TS_VEC(copy) copies; /* copies made in the block that is being rewritten */
    bool has_changed;
} channels;

static layout *layout_of(const channels *c, const ts_value *value) {
    return &c->layouts[value->id];
}

/* ---- choosing layouts ---- */

static bool is_number(const ts_op_node *op) {
    double number;
    return op->kind == ts_hlo_constant && ts_constant_splat(op->results[0], &number);
}

/* Whether the op can compute its result in any layout. */
static bool is_free(const ts_op_node *op) {
    return op->result_count == 1 && op->region_count == 0 &&
           (ts_hlo_is_pointwise(op->kind) || op->kind == ts_hlo_broadcast_in_dim || is_number(op));
}

static bool is_taken(const ts_op_node *op) {
    return op->kind == ts_hlo_convolution && ts_conv_is_shifted(op);
}

/* How many operands of the op are images over which its windows move; its result is an image too. 0 = the op
   has no windows. */
static uint32_t windowed(const ts_op_node *op) {
    if (op->result_count != 1) return 0;
    if (op->kind == ts_hlo_reduce_window) return op->operand_count == 2 ? 1 : 0;
    return op->kind == ts_hlo_select_and_scatter ? 2 : 0;
}

/* Whether windows visit their elements in the same order in this layout. Which of equal elements is selected,
   and the rounding of sums, depends on the order. */
static bool keeps_order(const ts_op_node *op, const int *axis) {
    int64_t size[TS_MAX_RANK];
    int count = 0, last = -1;
    if (!ts_op_ints(op, "window_dimensions", size, TS_MAX_RANK, &count)) return false;
    for (int i = 0; i < count; i++) {
        if (size[axis[i]] == 1) continue;
        if (axis[i] < last) return false;
        last = axis[i];
    }
    return true;
}

static bool has_dims_of(const ts_value *value, const ts_value *other) {
    return value->type.rank == other->type.rank &&
           memcmp(value->type.dim, other->type.dim, value->type.rank * sizeof *value->type.dim) == 0;
}

static void set_layout(channels *c, ts_value *value, const int *axis) {
    layout *l = layout_of(c, value);
    bool is_mine =
        l->block == c->block && (is_free(value->def) || is_taken(value->def) || windowed(value->def));
    if (l->is_set || !is_mine || (windowed(value->def) && !keeps_order(value->def, axis))) return;
    l->is_set = true;
    memcpy(l->axis, axis, sizeof l->axis);
    c->has_changed = true;
}

/* Gives all values of a pointwise op the layout that one of them has. */
static void spread(channels *c, const ts_op_node *op) {
    ts_value *result = op->results[0];
    const layout *from = layout_of(c, result)->is_set ? layout_of(c, result) : NULL;
    for (uint32_t i = 0; i < op->operand_count && !from; i++)
        if (has_dims_of(op->operands[i], result) && layout_of(c, op->operands[i])->is_set)
            from = layout_of(c, op->operands[i]);
    if (!from) return;
    set_layout(c, result, from->axis);
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (has_dims_of(op->operands[i], result)) set_layout(c, op->operands[i], from->axis);
}

/* The same for an op with windows and its images. */
static void spread_windows(channels *c, const ts_op_node *op) {
    const layout *from = layout_of(c, op->results[0])->is_set ? layout_of(c, op->results[0]) : NULL;
    for (uint32_t i = 0; i < windowed(op) && !from; i++)
        if (layout_of(c, op->operands[i])->is_set) from = layout_of(c, op->operands[i]);
    if (!from || !keeps_order(op, from->axis)) return;
    set_layout(c, op->results[0], from->axis);
    for (uint32_t i = 0; i < windowed(op); i++)
        set_layout(c, op->operands[i], from->axis);
}

/* Which of a convolution's three tensors are images, and their layouts. */
typedef struct images {
    bool is_image[3]; /* lhs, rhs, result */
    int axis[3][TS_MAX_RANK];
} images;

static images images_of(const ts_op_node *op) {
    ts_conv conv;
    images m = {.is_image = {true, true, true}};
    ts_conv_read(op, &conv);
    bool is_weights = ts_conv_gives_weights(op, &conv);
    m.is_image[is_weights ? 2 : 1] = false;
    m.axis[0][0] = (int)(is_weights ? conv.lhs_batch : conv.lhs_feature);
    m.axis[0][1] = (int)(is_weights ? conv.lhs_feature : conv.lhs_batch);
    m.axis[1][0] = (int)conv.rhs_out;
    m.axis[1][1] = (int)conv.rhs_in;
    m.axis[2][0] = (int)conv.out_feature;
    m.axis[2][1] = (int)conv.out_batch;
    for (int i = 0; i < conv.spatial; i++) {
        m.axis[0][2 + i] = (int)conv.lhs_axis[i];
        m.axis[1][2 + i] = (int)conv.rhs_axis[i];
        m.axis[2][2 + i] = (int)conv.out_axis[i];
    }
    return m;
}

static void start(channels *c, const ts_op_node *op) {
    images m = images_of(op);
    for (uint32_t i = 0; i < 3; i++)
        if (m.is_image[i]) set_layout(c, i < 2 ? op->operands[i] : op->results[0], m.axis[i]);
}

static void choose(channels *c, const ts_block *block) {
    uint32_t count = block->ops.count;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < block->ops.data[i]->result_count; j++)
            layout_of(c, block->ops.data[i]->results[j])->block = c->block;
    for (uint32_t i = 0; i < count; i++)
        if (is_taken(block->ops.data[i])) start(c, block->ops.data[i]);
    do {
        c->has_changed = false;
        for (uint32_t i = 0; i < 2 * count; i++) {
            const ts_op_node *op = block->ops.data[i < count ? i : 2 * count - 1 - i];
            if (op->result_count == 1 && ts_hlo_is_pointwise(op->kind)) spread(c, op);
            if (windowed(op)) spread_windows(c, op);
        }
    } while (c->has_changed);
}

/* ---- is it worth it ---- */

static bool is_sum_like(const ts_op_node *op) {
    return op->kind == ts_hlo_reduce && op->operand_count == 2 && op->result_count == 1;
}

/* Whether the op takes or gives a value in the chosen layout. */
static bool is_rewritten(const channels *c, const ts_op_node *op) {
    if (is_taken(op)) return true;
    if (is_sum_like(op)) return layout_of(c, op->operands[0])->is_set;
    return (is_free(op) || windowed(op)) && layout_of(c, op->results[0])->is_set;
}

static double count_once(const channels *c, const ts_value *value) {
    layout *l = layout_of(c, value);
    if (l->is_counted || (value->def && is_number(value->def))) return 0;
    l->is_counted = true;
    return (double)ts_type_elems(&value->type);
}

static double turned_operands(const channels *c, const ts_op_node *op) {
    bool is_mine = is_rewritten(c, op);
    images m = {0};
    double elems = 0;
    if (is_taken(op)) m = images_of(op);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        bool is_set = layout_of(c, op->operands[i])->is_set, wants = false;
        if (is_taken(op))
            wants = m.is_image[i];
        else if (is_mine && windowed(op))
            wants = i < windowed(op);
        else if (is_mine)
            wants = op->kind == ts_hlo_reduce ? i == 0 : has_dims_of(op->operands[i], op->results[0]);
        if (wants != is_set) elems += count_once(c, op->operands[i]);
    }
    return elems;
}

/* Compares the elements that must be transposed with those that windows would otherwise load one by one. */
static bool is_worth(const channels *c, const ts_block *block) {
    double turned = 0, windows = 0;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        turned += turned_operands(c, op);
        if (is_taken(op)) windows += ts_conv_window_elems(op);
    }
    return turned < windows;
}

static void forget(channels *c, const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++)
        for (uint32_t j = 0; j < block->ops.data[i]->result_count; j++)
            layout_of(c, block->ops.data[i]->results[j])->is_set = false;
}

/* ---- rewriting ---- */

static ts_type turned_type(const ts_type *type, const int *axis) {
    ts_type turned = *type;
    for (int i = 0; i < type->rank; i++)
        turned.dim[i] = type->dim[axis[i]];
    return turned;
}

/* The position in memory of the value's axis `of`. */
static int64_t place_of(const ts_value *value, const int *axis, int64_t of) {
    for (int i = 0; i < value->type.rank; i++)
        if (axis[i] == of) return i;
    return of;
}

static ts_value *turn(channels *c, ts_maker *m, ts_value *value, const int *axis) {
    const layout *l = layout_of(c, value);
    size_t size = value->type.rank * sizeof *axis;
    if (l->is_set && memcmp(l->axis, axis, size) == 0) return l->turned;
    for (uint32_t i = 0; i < c->copies.count; i++)
        if (c->copies.data[i].of == value && memcmp(c->copies.data[i].axis, axis, size) == 0)
            return c->copies.data[i].turned;
    copy made = {.of = value, .turned = ts_make_transpose(m, value, axis)};
    memcpy(made.axis, axis, size);
    ts_vec_push(&c->copies, &c->arena, made);
    return made.turned;
}

/* A copy of an op's attributes, some of which are replaced. */
typedef struct attr_list {
    ts_named_attr *data;
    uint32_t count;
} attr_list;

static attr_list copy_attrs(channels *c, const ts_op_node *op) {
    enum { MOST_ADDED = 9 };
    attr_list list = {TS_NEW_ARRAY(&c->module->arena, ts_named_attr, op->attr_count + MOST_ADDED),
                      op->attr_count};
    memcpy(list.data, op->attrs, op->attr_count * sizeof *list.data);
    return list;
}

static void set_attr(attr_list *list, const char *name, const ts_attr *value) {
    uint32_t at = 0;
    while (at < list->count && strcmp(list->data[at].name, name) != 0)
        at++;
    list->count += at == list->count;
    list->data[at] = (ts_named_attr){.name = name, .value = value};
}

static ts_value *append(channels *c, ts_maker *m, const ts_op_node *like, ts_value *const *operands,
                        const ts_type *type, attr_list attrs) {
    ts_op_node *op = ts_op_new(c->module, c->main, (ts_hlo)like->kind, like->loc, like->operand_count,
                               operands, 1, type, attrs.count, attrs.data, like->region_count);
    for (uint32_t i = 0; i < like->region_count; i++)
        op->regions[i] = like->regions[i];
    ts_vec_push(&m->block->ops, &c->module->arena, op);
    return op->results[0];
}

/* Defines `value`, which other ops read, as `turned` transposed back to the program's layout. */
static void give(ts_maker *m, ts_value *value, const int *axis, ts_value *turned) {
    int back[TS_MAX_RANK];
    for (int i = 0; i < value->type.rank; i++)
        back[axis[i]] = i;
    ts_op_node *op = ts_make_transpose(m, turned, back)->def;
    op->results[0] = value;
    value->def = op;
    value->index = 0;
}

static void rewrite_pointwise(channels *c, ts_maker *m, ts_op_node *op) {
    ts_value *result = op->results[0], *operands[4];
    layout *l = layout_of(c, result);
    for (uint32_t i = 0; i < op->operand_count; i++)
        operands[i] =
            has_dims_of(op->operands[i], result) ? turn(c, m, op->operands[i], l->axis) : op->operands[i];
    ts_type type = turned_type(&result->type, l->axis);
    l->turned = append(c, m, op, operands, &type, copy_attrs(c, op));
    give(m, result, l->axis, l->turned);
}

/* Permutes the numbers of an attribute, `each` per axis, to the layout. */
static void turn_attr(ts_maker *m, attr_list *attrs, const ts_op_node *op, const char *name, int each,
                      const int *axis) {
    int64_t of[2 * TS_MAX_RANK], turned[2 * TS_MAX_RANK];
    int count = 0;
    if (!ts_op_ints(op, name, of, 2 * TS_MAX_RANK, &count)) return;
    for (int i = 0; i < count; i++)
        turned[i] = of[axis[i / each] * each + i % each];
    set_attr(attrs, name, each == 2 ? ts_make_pairs(m, count / 2, turned) : ts_make_ints(m, count, turned));
}

static void rewrite_windows(channels *c, ts_maker *m, ts_op_node *op) {
    static const char *const names[] = {"window_dimensions", "window_strides", "base_dilations",
                                        "window_dilations"};
    ts_value *result = op->results[0], *operands[3];
    layout *l = layout_of(c, result);
    attr_list attrs = copy_attrs(c, op);
    for (uint32_t i = 0; i < op->operand_count; i++)
        operands[i] = i < windowed(op) ? turn(c, m, op->operands[i], l->axis) : op->operands[i];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        turn_attr(m, &attrs, op, names[i], 1, l->axis);
    turn_attr(m, &attrs, op, "padding", 2, l->axis);
    ts_type type = turned_type(&result->type, l->axis);
    l->turned = append(c, m, op, operands, &type, attrs);
    give(m, result, l->axis, l->turned);
}

static void rewrite_constant(channels *c, ts_maker *m, ts_op_node *op) {
    layout *l = layout_of(c, op->results[0]);
    ts_vec_push(&m->block->ops, &c->module->arena, op);
    l->turned = ts_make_transpose(m, op->results[0], l->axis);
}

/* Reshapes away the operand's axes of size 1 and transposes the others to the order in which the result's
   layout has them. */
static void rewrite_broadcast(channels *c, ts_maker *m, ts_op_node *op) {
    ts_value *operand = op->operands[0], *result = op->results[0];
    layout *l = layout_of(c, result);
    int64_t to[TS_MAX_RANK], dim[TS_MAX_RANK], places[TS_MAX_RANK];
    int count = 0, rank = 0, order[TS_MAX_RANK];
    ts_op_ints(op, "broadcast_dimensions", to, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++) {
        if (operand->type.dim[i] == 1) continue;
        dim[rank] = operand->type.dim[i];
        places[rank++] = place_of(result, l->axis, to[i]);
    }
    if (rank != operand->type.rank) operand = ts_make_reshape(m, operand, rank, dim);
    bool is_sorted = true;
    for (int i = 0; i < rank; i++)
        order[i] = i;
    for (int i = 1; i < rank; i++)
        for (int j = i; j > 0 && places[j - 1] > places[j]; j--) {
            int64_t place = places[j];
            int axis = order[j];
            places[j] = places[j - 1], places[j - 1] = place;
            order[j] = order[j - 1], order[j - 1] = axis;
            is_sorted = false;
        }
    if (!is_sorted) operand = ts_make_transpose(m, operand, order);
    ts_type type = turned_type(&result->type, l->axis);
    l->turned = ts_make_broadcast(m, operand, &type, places);
    give(m, result, l->axis, l->turned);
}

static void rewrite_reduce(channels *c, ts_maker *m, ts_op_node *op) {
    ts_value *operand = op->operands[0], *result = op->results[0];
    const layout *l = layout_of(c, operand);
    int64_t axes[TS_MAX_RANK], places[TS_MAX_RANK];
    int count = 0, rank = 0, order[TS_MAX_RANK];
    bool is_reduced[TS_MAX_RANK] = {0}, is_sorted = true;
    ts_op_ints(op, "dimensions", axes, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++) {
        is_reduced[axes[i]] = true;
        places[i] = place_of(operand, l->axis, axes[i]);
    }
    for (int i = 0; i < operand->type.rank; i++) {
        int kept = 0;
        if (is_reduced[l->axis[i]]) continue;
        for (int j = 0; j < l->axis[i]; j++)
            kept += !is_reduced[j];
        is_sorted &= kept == rank;
        order[rank++] = kept;
    }
    attr_list attrs = copy_attrs(c, op);
    set_attr(&attrs, "dimensions", ts_make_ints(m, count, places));
    ts_value *operands[2] = {l->turned, op->operands[1]};
    ts_type type = turned_type(&result->type, order);
    ts_value *sum = append(c, m, op, operands, &type, attrs);
    if (is_sorted) {
        sum->def->results[0] = result;
        result->def = sum->def;
    } else {
        give(m, result, order, sum);
    }
}

static const ts_attr *place_attr(ts_maker *m, const ts_value *value, const int *axis, int64_t of) {
    return ts_make_integer(m, place_of(value, axis, of));
}

static const ts_attr *places_attr(ts_maker *m, const ts_value *value, const int *axis, int count,
                                  const int64_t *of) {
    int64_t places[TS_MAX_RANK];
    for (int i = 0; i < count; i++)
        places[i] = place_of(value, axis, of[i]);
    return ts_make_ints(m, count, places);
}

static void rewrite_convolution(channels *c, ts_maker *m, ts_op_node *op) {
    static const char *const names[3][3] = {
        {"input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions"},
        {"kernel_output_feature_dimension", "kernel_input_feature_dimension", "kernel_spatial_dimensions"},
        {"output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions"}};
    ts_conv conv;
    ts_conv_read(op, &conv);
    const int64_t axes[3][2] = {
        {conv.lhs_batch, conv.lhs_feature}, {conv.rhs_out, conv.rhs_in}, {conv.out_batch, conv.out_feature}};
    const int64_t *spatial[3] = {conv.lhs_axis, conv.rhs_axis, conv.out_axis};
    const images of = images_of(op);
    ts_value *result = op->results[0], *operands[2] = {op->operands[0], op->operands[1]};
    attr_list attrs = copy_attrs(c, op);
    for (int i = 0; i < 3; i++) {
        const ts_value *value = i < 2 ? op->operands[i] : result;
        const layout *l = layout_of(c, value);
        const int *axis = l->is_set ? l->axis : of.axis[i];
        if (i == 2 ? !l->is_set : !of.is_image[i]) continue;
        if (i < 2) operands[i] = turn(c, m, op->operands[i], axis);
        for (int j = 0; j < 2; j++)
            set_attr(&attrs, names[i][j], place_attr(m, value, axis, axes[i][j]));
        set_attr(&attrs, names[i][2], places_attr(m, value, axis, conv.spatial, spatial[i]));
    }
    layout *l = layout_of(c, result);
    ts_type type = l->is_set ? turned_type(&result->type, l->axis) : result->type;
    ts_value *made = append(c, m, op, operands, &type, attrs);
    if (l->is_set) {
        l->turned = made;
        give(m, result, l->axis, made);
    } else {
        made->def->results[0] = result;
        result->def = made->def;
    }
}

static void rewrite(channels *c, ts_block *block) {
    ts_block out = {0};
    c->copies.count = 0;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        ts_maker m = {.module = c->module, .func = c->main, .block = &out, .loc = op->loc};
        if (!is_rewritten(c, op))
            ts_vec_push(&out.ops, &c->module->arena, op);
        else if (op->kind == ts_hlo_convolution)
            rewrite_convolution(c, &m, op);
        else if (op->kind == ts_hlo_reduce)
            rewrite_reduce(c, &m, op);
        else if (op->kind == ts_hlo_constant)
            rewrite_constant(c, &m, op);
        else if (op->kind == ts_hlo_broadcast_in_dim)
            rewrite_broadcast(c, &m, op);
        else if (windowed(op))
            rewrite_windows(c, &m, op);
        else
            rewrite_pointwise(c, &m, op);
    }
    ts_block_take_ops(block, &out);
}

static bool has_convolution(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++)
        if (is_taken(block->ops.data[i])) return true;
    return false;
}

static void run_block(channels *c, ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++)
        for (uint32_t j = 0; j < block->ops.data[i]->region_count; j++)
            if (block->ops.data[i]->regions[j]) run_block(c, block->ops.data[i]->regions[j]);
    if (!has_convolution(block)) return;
    c->block = ++c->blocks;
    choose(c, block);
    if (is_worth(c, block))
        rewrite(c, block);
    else
        forget(c, block);
}

ts_status ts_channels_first(ts_module *module, ts_func *main, ts_diag *diag) {
    channels c = {.module = module, .main = main};
    c.layouts = TS_NEW_ARRAY(&c.arena, layout, main->value_count);
    run_block(&c, main->body);
    ts_arena_free(&c.arena);
    return c.blocks > 0 ? ts_fold(module, main, diag) : ts_ok;
}
