/* Which scratch tensors stay in SBUF, and for how long. A tensor that is read again much later may stay for
   its near readers and lie in HBM, too, for the others. */
#include "plan/reside.h"

#include <stdlib.h>
#include <string.h>

#include "arch/dtype.h"
#include "base/integer.h"

/* One operand on a tile or a tensor; those of one hang together. */
typedef struct use {
    uint32_t at, next; /* position; 1 + number of the next use, 0 = none */
    ts_operand_use is;
} use;

/* What is known of a tile: its uses, and the DMA that would be no more. */
typedef struct tile_note {
    uint32_t uses;                /* 1 + number of the first; 0 = none */
    uint32_t first, last, writes; /* positions of accesses; how many write */
    bool is_bound;                /* an index, or of PSUM: stays as it is */
    bool is_taken;                /* became part of a tensor */
    bool is_linked;               /* as a load of the tensor in hand */
} tile_note;

/* A tile that could be part of a scratch tensor, and the DMA between them; of a load with several, the first.
 */
typedef struct link {
    uint32_t at, tile; /* position of the DMA; index of the tile */
    bool is_store;
    ts_reside_map map;
    ts_reside_start start;
    int64_t base; /* bytes: where in the tile the DMA begins */
    double bytes; /* that the DMAs move in a step */
} link;

typedef struct tensor_note {
    uint32_t uses;
    bool is_kept; /* some access is no plain DMA between it and a tile, or it is no scratch */
    ts_reside_form form;
    uint32_t first_link, link_count; /* stores, then loads, nearest first */
    uint32_t store_count;
    bool has_others;      /* loads that are no links */
    uint32_t chosen;      /* how many loads are served; 0 = it lies in HBM */
    uint32_t first, last; /* positions over which it lies in SBUF, once chosen */
} tensor_note;

/* A tensor with so many of its loads served. */
typedef struct option {
    uint32_t tensor, loads, first, last;
    double worth; /* bytes that are not moved, for each byte and position that it takes */
} option;

typedef struct reside {
    ts_builder *b;
    ts_program *program;
    ts_arena arena;
    uint32_t *loop_of;
    tile_note *tiles;
    tensor_note *tensors;
    TS_VEC(use) uses;
    TS_VEC(link) links;
    TS_VEC(option) options;
    int64_t *busy; /* bytes of a partition by position, of tiles and chosen tensors */
    bool *is_gone; /* by position */
} reside;

/* ---- who uses what ---- */

static void add_use(reside *r, uint32_t *head, uint32_t at, ts_operand_use is) {
    use added = {.at = at, .next = *head, .is = is};
    ts_vec_push(&r->uses, &r->arena, added);
    *head = r->uses.count;
}

static void see_tile(reside *r, uint32_t at, ts_operand_use is) {
    tile_note *tile = &r->tiles[is.ap->tensor - 1];
    if (!tile->uses) tile->first = at;
    tile->last = at;
    tile->writes += is.is_write;
    add_use(r, &tile->uses, at, is);
}

static const ts_inst_dma_copy *plain_dma(const ts_inst *inst) {
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    if (inst->op != ts_op_dma_copy || dma->rmw != ts_rmw_none || dma->oob != ts_oob_error) return NULL;
    return dma;
}

static void see(reside *r, uint32_t at) {
    ts_operand_use uses[TS_MOST_USES];
    int count = ts_live_uses(r->program->code.data[at], uses);
    for (int i = 0; i < count; i++) {
        if (uses[i].ap->space != ts_space_hbm) {
            see_tile(r, at, uses[i]);
            continue;
        }
        add_use(r, &r->tensors[uses[i].ap->tensor].uses, at, uses[i]);
        if (!uses[i].ap->index) continue;
        const ts_ap *index = &r->program->indices.data[uses[i].ap->index - 1];
        r->tiles[index->tensor - 1].is_bound = true;
    }
}

/* ---- links ---- */

static bool is_in_loop(const ts_program *program, uint32_t loop, uint32_t at) {
    return program->loops.data[loop].begin < at && at < program->loops.data[loop].end;
}

static double moved_bytes(const reside *r, uint32_t at, const ts_ap *hbm, int64_t bytes) {
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

/* A loop of one trip or none is a condition: what a DMA leaves there outlasts the trips that it does not run
 * in. */
static bool is_conditional(const reside *r, uint32_t at) {
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent) {
        const ts_count *trip = &r->program->loops.data[loop - 1].trip;
        if (trip->max == 1 && trip->is_ragged) return true;
    }
    return false;
}

/* The operand on the tile of a DMA between it and the tensor, when that DMA is like those that can go. */
static const ts_ap *tile_side(const reside *r, const tensor_note *tensor, uint32_t at, bool is_store) {
    const ts_inst_dma_copy *dma = plain_dma(r->program->code.data[at]);
    if (!dma || is_conditional(r, at)) return NULL;
    const ts_ap *own = is_store ? &dma->src : &dma->dst, *hbm = is_store ? &dma->dst : &dma->src;
    if (own->space != ts_space_sbuf || hbm->space != ts_space_hbm || own->dtype != hbm->dtype) return NULL;
    if (own->part.base || own->part.term_count || own->offset.term_count || hbm->dims == 0) return NULL;
    if (r->tiles[own->tensor - 1].is_bound || r->b->tiles.data[own->tensor - 1].is_fixed) return NULL;
    if (own->parts.max != hbm->dim[0].count.max || own->parts.max < 2) return NULL;
    return ts_reside_lies(r->program, &tensor->form, hbm) ? own : NULL;
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

/* Whether another DMA that fills the tile takes the same tensor to the same places. */
static bool is_like(const reside *r, const tensor_note *tensor, uint32_t number, const link *l, uint32_t at) {
    const ts_ap *own = tile_side(r, tensor, at, false);
    ts_reside_map map;
    ts_reside_start start;
    if (!own) return false;
    const ts_ap *hbm = &((const ts_inst_dma_copy *)r->program->code.data[at])->src;
    return hbm->tensor == number && own->offset.base == l->base &&
           ts_reside_join(&tensor->form, own, hbm, &map) && same_map(&map, &l->map) &&
           ts_reside_begin(r->program, hbm, own, l->start.stride, &start) && same_start(&start, &l->start);
}

/* Copies of a tile are parts of the tensor by their index when several DMAs fill them; otherwise by the loops
   around all its accesses. */
static int64_t stride_of(const reside *r, const link *l) {
    int64_t stride = 0;
    if (l->is_store || r->tiles[l->tile].writes == 1) return 0;
    for (uint32_t n = r->tiles[l->tile].uses; n && stride == 0; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        const ts_inst_dma_copy *dma = plain_dma(r->program->code.data[u->at]);
        if (u->is.is_write && dma) stride = ts_reside_stride(r->program, &dma->src, u->is.ap);
    }
    return stride;
}

static ts_nesting nesting_at(const reside *r, uint32_t at) {
    ts_nesting nest = {.program = r->program};
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent)
        nest.depth++;
    int depth = nest.depth;
    for (uint32_t loop = r->loop_of[at]; loop; loop = r->program->loops.data[loop - 1].parent)
        nest.loop[--depth] = loop - 1;
    return nest;
}

/* Whether the tile's other accesses belong to this DMA, or to others like it: they lie in the loops that move
   it along the tensor, in the copy of the tile that it fills, and write nothing that it does not move. */
static bool has_own_tile(reside *r, const tensor_note *tensor, uint32_t number, link *l) {
    const tile_note *tile = &r->tiles[l->tile];
    const ts_tile_info *info = &r->b->tiles.data[l->tile];
    for (int i = 0; i < l->start.terms; i++)
        if (!is_in_loop(r->program, l->start.term[i].loop, tile->first) ||
            !is_in_loop(r->program, l->start.term[i].loop, tile->last))
            return false;
    for (uint32_t n = tile->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
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

static bool find_link(reside *r, const tensor_note *tensor, uint32_t number, const use *u, link *found) {
    const ts_ap *own = tile_side(r, tensor, u->at, u->is.is_write), *hbm = u->is.ap;
    if (!own) return false;
    *found =
        (link){.at = u->at, .tile = own->tensor - 1, .is_store = u->is.is_write, .base = own->offset.base};
    const tile_note *tile = &r->tiles[found->tile];
    if (found->is_store ? tile->first >= u->at : tile->first != u->at) return false;
    if (!ts_reside_join(&tensor->form, own, hbm, &found->map)) return false;
    if (found->is_store && repeats(&found->map)) return false;
    if (!ts_reside_begin(r->program, hbm, own, stride_of(r, found), &found->start)) return false;
    if (found->is_store) found->bytes = moved_bytes(r, u->at, hbm, tensor->form.bytes);
    return has_own_tile(r, tensor, number, found);
}

static int by_end(const void *a, const void *b, void *context) {
    const link *x = a, *y = b;
    const tile_note *tiles = context;
    if (x->is_store != y->is_store) return x->is_store ? -1 : 1;
    uint32_t x_last = tiles[x->tile].last, y_last = tiles[y->tile].last;
    if (x_last != y_last) return x_last < y_last ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* A store begins to overwrite when its tile is first written, so that nobody may still need what was there;
   and what a load's tile shows may not change while it is read. */
static bool do_meet(const reside *r, const link *a, const link *b) {
    const tile_note *x = &r->tiles[a->tile], *y = &r->tiles[b->tile];
    return (a->is_store || b->is_store) && x->first <= y->last && y->first <= x->last;
}

static bool meets_some(const reside *r, const tensor_note *tensor, const link *l) {
    for (uint32_t i = tensor->first_link; i < r->links.count; i++)
        if (r->links.data[i].at != l->at && do_meet(r, &r->links.data[i], l)) return true;
    return false;
}

/* The DMAs of a tensor whose stores all fit. */
static void link_tensor(reside *r, uint32_t number) {
    tensor_note *tensor = &r->tensors[number];
    const ts_tensor *info = &r->program->tensors.data[number];
    tensor->first_link = r->links.count;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        if (!u->is.is_write || u->is.ap->dims == 0) continue;
        tensor->form = (ts_reside_form){.row = u->is.ap->dim[0].step,
                                        .parts = u->is.ap->dim[0].count.max,
                                        .bytes = ts_dtype_get((ts_dtype)info->dtype)->bytes};
    }
    if (tensor->form.row <= 0 || tensor->form.parts < 2) return;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        link found;
        if (!u->is.is_write) continue;
        if (!find_link(r, tensor, number, u, &found) || meets_some(r, tensor, &found)) return;
        ts_vec_push(&r->links, &r->arena, found);
    }
    tensor->store_count = r->links.count - tensor->first_link;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        link found;
        if (u->is.is_write || !find_link(r, tensor, number, u, &found) || meets_some(r, tensor, &found))
            continue;
        ts_vec_push(&r->links, &r->arena, found);
        r->tiles[found.tile].is_linked = true;
    }
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        const ts_ap *own = tile_side(r, tensor, u->at, false);
        if (!u->is.is_write && !(own && r->tiles[own->tensor - 1].is_linked)) tensor->has_others = true;
    }
    tensor->link_count = r->links.count - tensor->first_link;
    for (uint32_t i = tensor->first_link; i < r->links.count; i++)
        r->tiles[r->links.data[i].tile].is_linked = false;
    qsort_r(r->links.data + tensor->first_link, tensor->link_count, sizeof(link), by_end, r->tiles);
}

/* ---- choosing ---- */

static int64_t form_bytes(const reside *r, uint32_t number) {
    const ts_reside_form *form = &r->tensors[number].form;
    int64_t elems = (int64_t)r->program->tensors.data[number].bytes / form->bytes;
    return ts_ceil_div(ts_ceil_div(elems, form->row * form->parts) * form->row * form->bytes, 64) * 64;
}

static void cover_tile(const reside *r, const link *l, option *o) {
    for (uint32_t n = r->tiles[l->tile].uses; n; n = r->uses.data[n - 1].next)
        ts_live_cover(r->program, r->loop_of, &o->first, &o->last, r->uses.data[n - 1].at);
}

static void add_options(reside *r, uint32_t number) {
    const tensor_note *tensor = &r->tensors[number];
    const link *links = r->links.data + tensor->first_link;
    option o = {.tensor = number, .first = (uint32_t)TS_TILE_UNUSED};
    double stored = 0, saved = 0;
    for (uint32_t i = 0; i < tensor->store_count; i++) {
        stored += links[i].bytes;
        cover_tile(r, &links[i], &o);
    }
    for (uint32_t i = tensor->store_count; i < tensor->link_count; i++) {
        cover_tile(r, &links[i], &o);
        saved += links[i].bytes;
        o.loads = i - tensor->store_count + 1;
        bool is_all = i + 1 == tensor->link_count && !tensor->has_others;
        o.worth = (saved + (is_all ? stored : 0)) /
                  ((double)form_bytes(r, number) * (double)(o.last - o.first + 1));
        ts_vec_push(&r->options, &r->arena, o);
    }
}

static int by_worth(const void *a, const void *b) {
    const option *x = a, *y = b;
    if (x->worth != y->worth) return x->worth > y->worth ? -1 : 1;
    if (x->tensor != y->tensor) return x->tensor < y->tensor ? -1 : 1;
    return x->loads < y->loads ? -1 : x->loads > y->loads;
}

static void occupy(reside *r, uint32_t first, uint32_t last, int64_t bytes) {
    for (uint32_t at = first; at <= last; at++)
        r->busy[at] += bytes;
}

static bool has_room(const reside *r, const option *o, int64_t bytes, int64_t limit) {
    for (uint32_t at = o->first; at <= o->last; at++)
        if (r->busy[at] + bytes > limit) return false;
    return true;
}

static void count_tiles(reside *r) {
    for (uint32_t i = 0; i < r->b->tiles.count; i++)
        r->b->tiles.data[i].first = (uint32_t)TS_TILE_UNUSED;
    for (uint32_t i = 0; i < r->b->tiles.count; i++)
        for (uint32_t n = r->tiles[i].uses; n; n = r->uses.data[n - 1].next)
            ts_live_see(r->b, r->loop_of, r->uses.data[n - 1].is.ap, r->uses.data[n - 1].at);
    for (uint32_t i = 0; i < r->b->tiles.count; i++) {
        const ts_tile_info *tile = &r->b->tiles.data[i];
        if (tile->space != ts_space_sbuf || tile->first == (uint32_t)TS_TILE_UNUSED) continue;
        occupy(r, tile->first, tile->last, tile->bytes * tile->slots);
    }
}

static void take_tiles(reside *r, const tensor_note *tensor, bool is_taken) {
    uint32_t count = tensor->chosen ? tensor->store_count + tensor->chosen : 0;
    for (uint32_t i = 0; i < count; i++)
        r->tiles[r->links.data[tensor->first_link + i].tile].is_taken = is_taken;
}

/* Of a tile that is stored to two tensors, or loaded and stored, only one can have it. */
static bool are_free(const reside *r, const tensor_note *tensor, uint32_t loads) {
    const link *links = r->links.data + tensor->first_link;
    for (uint32_t i = 0; i < tensor->store_count + loads; i++)
        if (r->tiles[links[i].tile].is_taken) return false;
    return true;
}

/* Best first; more loads of a tensor that was chosen already replace the fewer. */
static void choose(reside *r, int64_t limit) {
    for (uint32_t i = 0; i < r->options.count; i++) {
        const option *o = &r->options.data[i];
        tensor_note *tensor = &r->tensors[o->tensor];
        int64_t bytes = form_bytes(r, o->tensor);
        if (tensor->chosen >= o->loads) continue;
        take_tiles(r, tensor, false);
        if (tensor->chosen) occupy(r, tensor->first, tensor->last, -bytes);
        if (are_free(r, tensor, o->loads) && has_room(r, o, bytes, limit)) {
            tensor->chosen = o->loads;
            tensor->first = o->first;
            tensor->last = o->last;
        }
        if (tensor->chosen) occupy(r, tensor->first, tensor->last, bytes);
        take_tiles(r, tensor, true);
    }
}

static void forget_choice(reside *r) {
    for (uint32_t t = 0; t < r->program->tensors.count; t++) {
        tensor_note *tensor = &r->tensors[t];
        if (!tensor->chosen) continue;
        take_tiles(r, tensor, false);
        occupy(r, tensor->first, tensor->last, -form_bytes(r, t));
        tensor->chosen = 0;
    }
}

/* Whether tiles and tensors find addresses, which holes between them can prevent, and tiles in a ring. */
static bool is_placed(reside *r) {
    uint32_t most = r->b->tiles.count + r->program->tensors.count, count = 0;
    ts_live_item *items = TS_NEW_ARRAY(&r->arena, ts_live_item, most);
    uint32_t *active = TS_NEW_ARRAY(&r->arena, uint32_t, most + 1);
    for (uint32_t i = 0; i < r->b->tiles.count; i++) {
        const ts_tile_info *tile = &r->b->tiles.data[i];
        if (tile->space != ts_space_sbuf || tile->first == (uint32_t)TS_TILE_UNUSED || r->tiles[i].is_taken)
            continue;
        items[count++] = (ts_live_item){
            .first = tile->first, .last = tile->last, .owner = i, .bytes = tile->bytes * tile->slots};
    }
    for (uint32_t t = 0; t < r->program->tensors.count; t++)
        if (r->tensors[t].chosen)
            items[count++] = (ts_live_item){.first = r->tensors[t].first,
                                            .last = r->tensors[t].last,
                                            .owner = r->b->tiles.count + t,
                                            .bytes = form_bytes(r, t),
                                            .is_lasting = true};
    int64_t room = (int64_t)r->b->chip->sbuf_partition_bytes;
    return ts_live_fit(items, count, active, room) <= room;
}

/* ---- rewriting ---- */

/* Whether somebody still reads it in HBM. */
static bool is_stored(const tensor_note *tensor) {
    return tensor->has_others || tensor->store_count + tensor->chosen < tensor->link_count;
}

static void move_in(reside *r, const tensor_note *tensor, const link *l, ts_tile resident) {
    for (uint32_t n = r->tiles[l->tile].uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        ts_reside_patch(r->b, &tensor->form, &l->map, l->base, &l->start, resident, u->is.ap);
        if (!l->is_store && u->is.is_write) r->is_gone[u->at] = true;
    }
    if (l->is_store) r->is_gone[l->at] = !is_stored(tensor);
}

static void make_resident(reside *r, uint32_t number) {
    const tensor_note *tensor = &r->tensors[number];
    r->b->loc = r->b->tensor_locs.data[number];
    ts_tile resident = ts_build_tile(r->b, ts_space_sbuf, tensor->form.parts, form_bytes(r, number), 1);
    r->b->tiles.data[resident - 1].is_lasting = true;
    for (uint32_t i = 0; i < tensor->store_count + tensor->chosen; i++)
        move_in(r, tensor, &r->links.data[tensor->first_link + i], resident);
}

/* The code without what is gone; loops keep their numbers. */
static void close_up(reside *r) {
    ts_program *program = r->program;
    uint32_t kept = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_inst *inst = program->code.data[at];
        if (r->is_gone[at]) continue;
        if (inst->op == ts_op_loop) program->loops.data[((ts_inst_loop *)inst)->id].begin = kept;
        if (inst->op == ts_op_end) program->loops.data[((ts_inst_end *)inst)->id].end = kept;
        program->code.data[kept++] = inst;
    }
    program->code.count = kept;
}

/* Tensors without accesses are none; the others move up. */
static void drop_tensors(reside *r) {
    ts_program *program = r->program;
    uint32_t *number = TS_NEW_ARRAY(&r->arena, uint32_t, program->tensors.count), kept = 0;
    for (uint32_t t = 0; t < program->tensors.count; t++) {
        number[t] = kept;
        if (r->tensors[t].chosen && !is_stored(&r->tensors[t])) continue;
        program->tensors.data[kept] = program->tensors.data[t];
        r->b->tensor_locs.data[kept++] = r->b->tensor_locs.data[t];
    }
    program->tensors.count = r->b->tensor_locs.count = kept;
    for (uint32_t at = 0; at < program->code.count; at++) {
        ts_operand_use uses[TS_MOST_USES];
        int count = ts_live_uses(program->code.data[at], uses);
        for (int i = 0; i < count; i++)
            if (uses[i].ap->space == ts_space_hbm) uses[i].ap->tensor = number[uses[i].ap->tensor];
    }
}

static void run(reside *r) {
    static const int shares[] = {100, 90, 80, 65, 50, 30}; /* of SBUF, percent */
    for (uint32_t at = 0; at < r->program->code.count; at++)
        see(r, at);
    for (uint32_t t = 0; t < r->program->tensors.count; t++)
        if (r->program->tensors.data[t].kind == ts_tensor_scratch) {
            link_tensor(r, t);
            add_options(r, t);
        }
    if (r->options.count == 0) return;
    qsort(r->options.data, r->options.count, sizeof(option), by_worth);
    count_tiles(r);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        choose(r, (int64_t)(r->b->chip->sbuf_partition_bytes * shares[i] / 100));
        if (is_placed(r)) break;
        forget_choice(r);
    }
    for (uint32_t t = 0; t < r->program->tensors.count; t++)
        if (r->tensors[t].chosen) make_resident(r, t);
    close_up(r);
    drop_tensors(r);
}

void ts_plan_reside(ts_builder *b) {
    ts_program *program = b->program;
    reside r = {.b = b, .program = program};
    r.loop_of = ts_live_loops(program, &r.arena);
    r.tiles = TS_NEW_ARRAY(&r.arena, tile_note, b->tiles.count);
    r.tensors = TS_NEW_ARRAY(&r.arena, tensor_note, program->tensors.count);
    r.busy = TS_NEW_ARRAY(&r.arena, int64_t, program->code.count);
    r.is_gone = TS_NEW_ARRAY(&r.arena, bool, program->code.count);
    if (b->deepest <= TS_MAX_LOOP_DEPTH) run(&r);
    ts_arena_free(&r.arena);
}
