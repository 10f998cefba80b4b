/* Finds the tiles that could be parts of tensors: the accesses of each tile and tensor, and the DMAs between
   them. */
#include <stdlib.h>

#include "arch/dtype.h"
#include "plan/reside.h"

/* ---- accesses ---- */

static void add_use(ts_reside *r, uint32_t *head, uint32_t at, ts_operand_use is) {
    ts_reside_use added = {.at = at, .next = *head, .is = is};
    ts_vec_push(&r->uses, &r->arena, added);
    *head = r->uses.count;
}

static void see_tile(ts_reside *r, uint32_t at, ts_operand_use is) {
    ts_reside_tile *tile = &r->tiles[is.ap->tensor - 1];
    if (!tile->uses) tile->first = at;
    tile->last = at;
    tile->writes += is.is_write;
    add_use(r, &tile->uses, at, is);
}

const ts_inst_dma_copy *ts_plain_dma(const ts_inst *inst) {
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    if (inst->op != ts_op_dma_copy || dma->rmw != ts_rmw_none || dma->oob != ts_oob_error) return NULL;
    return dma;
}

static void see(ts_reside *r, uint32_t at) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(r->program->code.data[at], uses);
    for (int i = 0; i < count; i++) {
        if (uses[i].ap->space != ts_space_hbm) {
            see_tile(r, at, uses[i]);
            continue;
        }
        add_use(r, &r->tensors[uses[i].ap->tensor].uses, at, uses[i]);
        if (!uses[i].ap->index) continue;
        ts_operand_use index = {.ap = &r->program->indices.data[uses[i].ap->index - 1], .is_read = true};
        see_tile(r, at, index);
        r->tiles[index.ap->tensor - 1].is_bound = true;
    }
}

/* ---- links ---- */

static bool is_in_loop(const ts_program *program, uint32_t loop, uint32_t at) {
    return program->loops.data[loop].begin < at && at < program->loops.data[loop].end;
}

static double moved_bytes(const ts_reside *r, uint32_t at, const ts_ap *hbm, int64_t bytes) {
    double moved = (double)bytes;
    for (int i = 0; i < hbm->dims; i++)
        moved *= hbm->dim[i].count.max;
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent)
        moved *= r->program->loops.data[loop - 1].trip.max;
    return moved;
}

static bool repeats(const ts_reside_map *map) {
    for (int i = 0; i < map->digits; i++)
        if (map->count[i] > 1 && map->to[i] == 0) return true;
    return false;
}

static bool is_conditional(const ts_reside *r, uint32_t at) {
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent)
        if (ts_live_is_condition(&r->program->loops.data[loop - 1])) return true;
    return false;
}

/* The tile's operand of the DMA at `at` between a tile and the tensor; NULL when that DMA could not be
   removed. */
static const ts_ap *tile_side(const ts_reside *r, const ts_reside_tensor *tensor, uint32_t at, bool is_store,
                              ts_reside_columns *columns) {
    const ts_inst_dma_copy *dma = ts_plain_dma(r->program->code.data[at]);
    if (!dma || is_conditional(r, at)) return NULL;
    const ts_ap *own = is_store ? &dma->src : &dma->dst, *hbm = is_store ? &dma->dst : &dma->src;
    if (own->space != ts_space_sbuf || hbm->space != ts_space_hbm || own->dtype != hbm->dtype) return NULL;
    if (own->part.base || own->part.term_count || own->offset.term_count || hbm->dims == 0) return NULL;
    if (r->tiles[own->tensor - 1].is_bound || r->b->tiles.data[own->tensor - 1].is_fixed) return NULL;
    if (own->parts.max != hbm->dim[0].count.max || own->parts.max < 2) return NULL;
    return ts_reside_lies(r->program, &tensor->form, hbm, columns) ? own : NULL;
}

static bool same_start(const ts_reside_start *a, const ts_reside_start *b) {
    bool is_same = a->base == b->base && a->stride == b->stride && a->terms == b->terms;
    for (int i = 0; is_same && i < a->terms; i++)
        is_same = a->term[i].loop == b->term[i].loop && a->term[i].coef == b->term[i].coef;
    return is_same;
}

static bool same_map(const ts_reside_map *a, const ts_reside_map *b) {
    bool is_same = a->digits == b->digits;
    for (int i = 0; is_same && i < a->digits; i++)
        is_same = a->count[i] == b->count[i] && a->from[i] == b->from[i] && a->to[i] == b->to[i];
    return is_same;
}

/* Whether the DMA at `at` loads the same part of the tensor to the same place of the tile as the link's
   DMA. */
static bool is_like(const ts_reside *r, const ts_reside_tensor *tensor, uint32_t number,
                    const ts_reside_link *l, uint32_t at) {
    ts_reside_columns columns;
    const ts_ap *own = tile_side(r, tensor, at, false, &columns);
    ts_reside_map map;
    ts_reside_start start;
    if (!own) return false;
    const ts_ap *hbm = &((const ts_inst_dma_copy *)r->program->code.data[at])->src;
    return hbm->tensor == number && own->offset.base == l->base &&
           ts_reside_join(&tensor->form, own, hbm, &map) && same_map(&map, &l->map) &&
           ts_reside_begin(r->program, hbm, own, l->start.stride, &start) && same_start(&start, &l->start);
}

/* The start's stride for a load. When several DMAs fill a tile, the index of a copy tells which part of the
   tensor it is; otherwise (0) the loops around all accesses tell it. */
static int64_t stride_of(const ts_reside *r, const ts_reside_link *l) {
    int64_t stride = 0;
    if (l->is_store || r->tiles[l->tile].writes == 1) return 0;
    for (uint32_t n = r->tiles[l->tile].uses; n && stride == 0; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        const ts_inst_dma_copy *dma = ts_plain_dma(r->program->code.data[u->at]);
        if (u->is.is_write && dma) stride = ts_reside_stride(r->program, &dma->src, u->is.ap);
    }
    return stride;
}

static ts_nesting nesting_at(const ts_reside *r, uint32_t at) {
    ts_nesting nest = {.program = r->program};
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent)
        nest.depth++;
    int depth = nest.depth;
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent)
        nest.loop[--depth] = loop - 1;
    return nest;
}

/* Whether every other access to the tile belongs to this DMA or to one like it: it lies in the loops that
   move the DMA along the tensor, refers to the copy that the DMA fills, and stays within what the DMA moves.
   Adds up the bytes of a load's DMAs. */
static bool has_own_tile(ts_reside *r, const ts_reside_tensor *tensor, uint32_t number, ts_reside_link *l) {
    const ts_reside_tile *tile = &r->tiles[l->tile];
    const ts_tile_info *info = &r->b->tiles.data[l->tile];
    for (int i = 0; i < l->start.terms; i++)
        if (!is_in_loop(r->program, l->start.term[i].loop, tile->first) ||
            !is_in_loop(r->program, l->start.term[i].loop, tile->last))
            return false;
    for (uint32_t n = tile->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        if (l->start.stride == 0 && u->is.ap->offset.rotation != info->rotation) return false;
        ts_nesting nest = nesting_at(r, u->at);
        if (!ts_reside_takes(&nest, &l->map, l->base, u->is.ap)) return false;
        if (u->is.is_write && l->is_store && u->at >= l->at) return false;
        if (u->at == tile->first && u->is.is_read && u->is.is_write) return false;
        if (l->is_store || !u->is.is_write) continue;
        if (!is_like(r, tensor, number, l, u->at)) return false;
        l->bytes += moved_bytes(r, u->at, &((const ts_inst_dma_copy *)r->program->code.data[u->at])->src,
                                tensor->form.bytes);
    }
    return true;
}

static bool find_link(ts_reside *r, const ts_reside_tensor *tensor, uint32_t number, const ts_reside_use *u,
                      ts_reside_link *found) {
    ts_reside_columns columns;
    const ts_ap *own = tile_side(r, tensor, u->at, u->is.is_write, &columns), *hbm = u->is.ap;
    if (!own) return false;
    *found = (ts_reside_link){.at = u->at,
                              .tile = own->tensor - 1,
                              .is_store = u->is.is_write,
                              .columns = columns,
                              .base = own->offset.base};
    const ts_reside_tile *tile = &r->tiles[found->tile];
    if (found->is_store ? tile->first >= u->at : tile->first != u->at) return false;
    if (!ts_reside_join(&tensor->form, own, hbm, &found->map)) return false;
    if (found->is_store && repeats(&found->map)) return false;
    if (!ts_reside_begin(r->program, hbm, own, stride_of(r, found), &found->start)) return false;
    if (found->is_store) found->bytes = moved_bytes(r, u->at, hbm, tensor->form.bytes);
    return has_own_tile(r, tensor, number, found);
}

static int by_end(const void *a, const void *b, void *context) {
    const ts_reside_link *x = a, *y = b;
    const ts_reside_tile *tiles = context;
    if (x->is_store != y->is_store) return x->is_store ? -1 : 1;
    if (x->is_filling != y->is_filling) return x->is_filling ? -1 : 1;
    uint32_t x_last = tiles[x->tile].last, y_last = tiles[y->tile].last;
    if (x_last != y_last) return x_last < y_last ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void sort_links(ts_reside *r, const ts_reside_tensor *tensor) {
    if (tensor->link_count == 0) return;
    qsort_r(&r->links.data[tensor->first_link], tensor->link_count, sizeof(ts_reside_link), by_end, r->tiles);
}

static bool same_dims(const ts_ap *a, const ts_ap *b) {
    bool is_same = a->dims == b->dims && a->dtype == b->dtype && a->parts.max == b->parts.max;
    for (int i = 0; is_same && i < a->dims; i++)
        is_same = a->dim[i].step == b->dim[i].step && a->dim[i].count.max == b->dim[i].count.max;
    return is_same;
}

static bool is_elementwise(const ts_inst *inst) {
    return inst->op == ts_op_tensor_tensor || inst->op == ts_op_tensor_scalar ||
           inst->op == ts_op_scalar_tensor_tensor || inst->op == ts_op_tensor_copy;
}

/* Whether the instruction at `at` reads each element of the load's tile at the place where it writes the
   store's tile, so that the new value can overwrite the old one. */
static bool is_in_place(const ts_reside *r, const ts_reside_link *store, const ts_reside_link *load,
                        uint32_t at) {
    ts_operand_use uses[TS_MOST_USES];
    ts_inst *inst = r->program->code.data[at];
    int count = ts_live_uses(inst, uses);
    const ts_ap *to = NULL;
    bool is_same = is_elementwise(inst) && same_map(&store->map, &load->map) &&
                   same_start(&store->start, &load->start) && store->start.stride == 0;
    for (int i = 0; i < count; i++)
        if (uses[i].is_write && uses[i].ap->space != ts_space_hbm && uses[i].ap->tensor == store->tile + 1)
            to = uses[i].ap;
    is_same &= to != NULL;
    for (int i = 0; is_same && i < count; i++) {
        const ts_ap *from = uses[i].ap;
        if (from->space == ts_space_hbm || from->tensor != load->tile + 1) continue;
        ts_affine x = to->offset, y = from->offset;
        x.base -= store->base, y.base -= load->base;
        x.rotation = y.rotation = 0; /* their rotation follows no loop that moves along the tensor */
        is_same = same_dims(to, from) && ts_affine_same(r->program, &x, &y);
    }
    return is_same;
}

/* Whether the two links cannot both be parts of the tensor. Writing the store's tile overwrites the tensor at
   once, so no load's tile with those columns may still be in use. Links with disjoint columns never
   conflict. */
static bool do_meet(const ts_reside *r, const ts_reside_link *a, const ts_reside_link *b) {
    const ts_reside_tile *x = &r->tiles[a->tile], *y = &r->tiles[b->tile];
    if (a->columns.first > b->columns.last || b->columns.first > a->columns.last) return false;
    if (!(a->is_store || b->is_store) || x->first > y->last || y->first > x->last) return false;
    if (a->is_store == b->is_store) return true;
    const ts_reside_link *store = a->is_store ? a : b, *load = a->is_store ? b : a;
    uint32_t at = r->tiles[store->tile].first;
    return at != r->tiles[load->tile].last || !is_in_place(r, store, load, at);
}

static bool meets_some(const ts_reside *r, const ts_reside_tensor *tensor, const ts_reside_link *l) {
    for (uint32_t i = tensor->first_link; i < r->links.count; i++)
        if (r->links.data[i].at != l->at && do_meet(r, &r->links.data[i], l)) return true;
    return false;
}

/* Links the tensor's DMAs, if all its stores can be linked. */
static void link_tensor(ts_reside *r, uint32_t number) {
    ts_reside_tensor *tensor = &r->tensors[number];
    const ts_tensor *info = &r->program->tensors.data[number];
    tensor->first_link = r->links.count;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        if (!u->is.is_write || u->is.ap->dims == 0) continue;
        tensor->form = (ts_reside_form){.row = u->is.ap->dim[0].step,
                                        .parts = u->is.ap->dim[0].count.max,
                                        .bytes = ts_dtype_get((ts_dtype)info->dtype)->bytes};
    }
    if (tensor->form.row <= 0 || tensor->form.parts < 2) return;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        ts_reside_link found;
        if (!u->is.is_write) continue;
        if (!find_link(r, tensor, number, u, &found) || meets_some(r, tensor, &found)) return;
        ts_vec_push(&r->links, &r->arena, found);
    }
    tensor->fill_count = r->links.count - tensor->first_link;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        ts_reside_link found;
        if (u->is.is_write || !find_link(r, tensor, number, u, &found) || meets_some(r, tensor, &found))
            continue;
        ts_vec_push(&r->links, &r->arena, found);
        r->tiles[found.tile].is_linked = true;
    }
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        ts_reside_columns columns;
        const ts_ap *own = tile_side(r, tensor, u->at, false, &columns);
        if (!u->is.is_write && !(own && r->tiles[own->tensor - 1].is_linked)) tensor->has_others = true;
    }
    tensor->link_count = r->links.count - tensor->first_link;
    for (uint32_t i = tensor->first_link; i < r->links.count; i++)
        r->tiles[r->links.data[i].tile].is_linked = false;
    sort_links(r, tensor);
}

/* ---- arguments ---- */

/* Distance between elements along a dimension or a loop, and their number. */
typedef struct stride {
    int64_t step, count;
} stride;

static int by_step(const void *a, const void *b) {
    const stride *x = a, *y = b;
    return x->step < y->step ? -1 : x->step > y->step;
}

/* Strides of the HBM operand over its dimensions and loops. Returns their number, -1 when a count is
   ragged. */
static int get_strides(const ts_reside *r, uint32_t at, const ts_ap *hbm, stride *strides) {
    int count = 0;
    for (int i = 0; i < hbm->dims; i++) {
        if (hbm->dim[i].count.is_ragged) return -1;
        strides[count++] = (stride){hbm->dim[i].step, hbm->dim[i].count.max};
    }
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent) {
        const ts_count *trip = &r->program->loops.data[loop - 1].trip;
        if (trip->is_ragged) return -1;
        strides[count++] = (stride){ts_affine_coef(r->program, &hbm->offset, loop - 1), trip->max};
    }
    return count;
}

/* Whether the operand visits each of the tensor's `elems` elements exactly once. */
static bool is_all_once(const ts_reside *r, uint32_t at, const ts_ap *hbm, int64_t elems) {
    stride strides[TS_AP_DIMS + TS_MAX_LOOP_DEPTH];
    const int count = hbm->offset.base == 0 ? get_strides(r, at, hbm, strides) : -1;
    int64_t all = 1;
    if (count < 0) return false;
    qsort(strides, (size_t)count, sizeof *strides, by_step);
    for (int i = 0; i < count; i++) {
        if (strides[i].count == 1) continue;
        if (strides[i].step != all) return false;
        all *= strides[i].count;
    }
    return all == elems;
}

/* Begin and end of the outermost loop around a position; the position itself outside loops. */
static void nest_around(const ts_reside *r, uint32_t at, uint32_t *begin, uint32_t *end) {
    *begin = *end = at;
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent) {
        *begin = r->program->loops.data[loop - 1].begin;
        *end = r->program->loops.data[loop - 1].end;
    }
}

/* Whether all trips of the loops around a position always run. A `leave` instruction, as in branches, makes
   that depend on data. */
static bool is_certain(const ts_reside *r, uint32_t at) {
    uint32_t begin, end;
    nest_around(r, at, &begin, &end);
    for (; begin <= end; begin++)
        if (r->program->code.data[begin]->op == ts_op_leave) return false;
    return true;
}

/* Finds a load that brings in the whole argument, and sets the tensor's form to that load's layout. */
static bool find_filling(ts_reside *r, ts_reside_tensor *tensor, uint32_t number, ts_reside_link *filling) {
    const ts_tensor *info = &r->program->tensors.data[number];
    const int64_t bytes = ts_dtype_get((ts_dtype)info->dtype)->bytes;
    ts_reside_form form = {0};
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        ts_reside_link found;
        if (u->is.is_write || u->is.ap->dims == 0 || u->is.ap->dim[0].step <= 0) continue;
        tensor->form = (ts_reside_form){u->is.ap->dim[0].step, u->is.ap->dim[0].count.max, bytes};
        if (tensor->form.parts < 2 || !is_certain(r, u->at) ||
            !is_all_once(r, u->at, u->is.ap, (int64_t)info->bytes / bytes) ||
            !find_link(r, tensor, number, u, &found) || r->tiles[found.tile].writes != 1)
            continue;
        form = tensor->form;
        *filling = found;
    }
    tensor->form = form;
    return form.row > 0;
}

static void link_argument(ts_reside *r, uint32_t number) {
    ts_reside_tensor *tensor = &r->tensors[number];
    ts_reside_link filling, found;
    tensor->first_link = r->links.count;
    if (!find_filling(r, tensor, number, &filling)) return;
    filling.is_filling = true;
    uint32_t begin, end;
    nest_around(r, filling.at, &begin, &end);
    ts_vec_push(&r->links, &r->arena, filling);
    tensor->fill_count = 1;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const ts_reside_use *u = &r->uses.data[n - 1];
        if (u->at > end && find_link(r, tensor, number, u, &found)) ts_vec_push(&r->links, &r->arena, found);
    }
    tensor->link_count = r->links.count - tensor->first_link;
    sort_links(r, tensor);
}

void ts_reside_find(ts_reside *r) {
    for (uint32_t at = 0; at < r->program->code.count; at++)
        see(r, at);
    for (uint32_t t = 0; t < r->program->tensors.count; t++) {
        unsigned kind = r->program->tensors.data[t].kind;
        if (kind == ts_tensor_scratch) link_tensor(r, t);
        if (kind == ts_tensor_input || kind == ts_tensor_constant) link_argument(r, t);
    }
}
