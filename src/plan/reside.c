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
} tile_note;

/* A DMA between a scratch tensor and a tile that could be part of it. */
typedef struct link {
    uint32_t at, tile; /* position of the DMA; index of the tile */
    bool is_store;
    ts_reside_map map;
    double bytes; /* that the DMA moves in a step */
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

/* The tile's other accesses belong to this DMA: they lie in the loops that move it along the tensor, in the
   same copy of the tile, and nothing is written that the DMA does not move. */
static bool has_own_tile(const reside *r, const link *l, const ts_ap *hbm, const ts_ap *own) {
    const tile_note *tile = &r->tiles[l->tile];
    const ts_term *terms = r->program->terms.data + hbm->offset.first_term;
    for (uint32_t i = 0; i < hbm->offset.term_count; i++)
        if (!is_in_loop(r->program, terms[i].loop, tile->first) ||
            !is_in_loop(r->program, terms[i].loop, tile->last))
            return false;
    for (uint32_t n = tile->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        if (u->is.ap->offset.rotation != own->offset.rotation) return false;
        if (u->is.is_write && l->is_store && u->at >= l->at) return false;
        if (u->at == tile->first && u->is.is_read && u->is.is_write) return false;
        if (!ts_reside_takes(r->program, &l->map, own->offset.base, u->is.ap)) return false;
    }
    return true;
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

static bool find_link(const reside *r, const tensor_note *tensor, const use *u, link *found) {
    const ts_inst_dma_copy *dma = plain_dma(r->program->code.data[u->at]);
    if (!dma) return false;
    *found = (link){.at = u->at, .is_store = u->is.is_write};
    const ts_ap *hbm = u->is.ap, *own = found->is_store ? &dma->src : &dma->dst;
    if (own->space != ts_space_sbuf || own->dtype != hbm->dtype || own->part.base || own->part.term_count)
        return false;
    const ts_tile_info *info = &r->b->tiles.data[own->tensor - 1];
    found->tile = own->tensor - 1;
    const tile_note *tile = &r->tiles[found->tile];
    if (tile->is_bound || info->is_fixed || own->offset.term_count || hbm->dims == 0) return false;
    if (own->parts.max != hbm->dim[0].count.max || own->parts.max < 2) return false;
    if (found->is_store ? tile->first >= u->at : tile->first != u->at || tile->writes != 1) return false;
    if (!ts_reside_lies(r->program, &tensor->form, hbm)) return false;
    if (!ts_reside_join(&tensor->form, own, hbm, &found->map)) return false;
    if (found->is_store && repeats(&found->map)) return false;
    found->bytes = moved_bytes(r, u->at, hbm, tensor->form.bytes);
    return has_own_tile(r, found, hbm, own);
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
        if (!find_link(r, tensor, u, &found) || meets_some(r, tensor, &found)) return;
        ts_vec_push(&r->links, &r->arena, found);
    }
    tensor->store_count = r->links.count - tensor->first_link;
    for (uint32_t n = tensor->uses; n; n = r->uses.data[n - 1].next) {
        const use *u = &r->uses.data[n - 1];
        link found;
        if (u->is.is_write) continue;
        if (find_link(r, tensor, u, &found) && !meets_some(r, tensor, &found))
            ts_vec_push(&r->links, &r->arena, found);
        else
            tensor->has_others = true;
    }
    tensor->link_count = r->links.count - tensor->first_link;
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

/* Whether tiles and tensors find addresses, which holes between them can prevent. */
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
    return (double)ts_live_fit(items, count, active) <= r->b->chip->sbuf_partition_bytes;
}

/* ---- rewriting ---- */

/* Whether somebody still reads it in HBM. */
static bool is_stored(const tensor_note *tensor) {
    return tensor->has_others || tensor->store_count + tensor->chosen < tensor->link_count;
}

static void move_in(reside *r, const tensor_note *tensor, const link *l, ts_tile resident) {
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)r->program->code.data[l->at];
    const ts_ap hbm = l->is_store ? dma->dst : dma->src;
    int64_t base = l->is_store ? dma->src.offset.base : dma->dst.offset.base;
    for (uint32_t n = r->tiles[l->tile].uses; n; n = r->uses.data[n - 1].next)
        ts_reside_patch(r->b, &tensor->form, &l->map, base, &hbm, resident, r->uses.data[n - 1].is.ap);
    r->is_gone[l->at] = !l->is_store || !is_stored(tensor);
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
    run(&r);
    ts_arena_free(&r.arena);
}
