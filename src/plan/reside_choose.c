/* Chooses which tensors stay in SBUF, and for how long: those that save most DMA bytes for the memory and
   time that they occupy. A tensor that is read again much later may stay for its near readers and also lie in
   HBM for the far ones. */
#include <stdlib.h>

#include "base/integer.h"
#include "plan/reside.h"

/* A candidate: a tensor with its first `loads` loads served from SBUF. */
typedef struct option {
    uint32_t tensor, loads, first, last;
    double worth; /* DMA bytes saved per byte and code position occupied */
} option;

typedef struct chooser {
    ts_reside *r;
    TS_VEC(option) options;
    int64_t *busy; /* by code position: bytes per partition of tiles and chosen tensors */
} chooser;

int64_t ts_reside_bytes(const ts_reside *r, uint32_t number) {
    const ts_reside_form *form = &r->tensors[number].form;
    int64_t elems = (int64_t)r->program->tensors.data[number].bytes / form->bytes;
    return ts_ceil_div(ts_ceil_div(elems, form->row * form->parts) * form->row * form->bytes, 64) * 64;
}

static void cover_tile(const ts_reside *r, const ts_reside_link *l, option *o) {
    for (uint32_t n = r->tiles[l->tile].uses; n; n = r->uses.data[n - 1].next)
        ts_live_cover(r->program, r->loop_of, &o->first, &o->last, r->uses.data[n - 1].at);
}

static void add_options(chooser *c, uint32_t number) {
    const ts_reside *r = c->r;
    const ts_reside_tensor *tensor = &r->tensors[number];
    if (tensor->link_count == 0) return;
    const ts_reside_link *links = &r->links.data[tensor->first_link];
    option o = {.tensor = number, .first = TS_LIVE_NEVER};
    double stored = 0, saved = 0;
    for (uint32_t i = 0; i < tensor->fill_count; i++) {
        if (links[i].is_store) stored += links[i].bytes;
        cover_tile(r, &links[i], &o);
    }
    for (uint32_t i = tensor->fill_count; i < tensor->link_count; i++) {
        cover_tile(r, &links[i], &o);
        saved += links[i].bytes;
        o.loads = i - tensor->fill_count + 1;
        bool is_all = i + 1 == tensor->link_count && !tensor->has_others;
        o.worth = (saved + (is_all ? stored : 0)) /
                  ((double)ts_reside_bytes(r, number) * (double)(o.last - o.first + 1));
        ts_vec_push(&c->options, &c->r->arena, o);
    }
}

static int by_worth(const void *a, const void *b) {
    const option *x = a, *y = b;
    if (x->worth != y->worth) return x->worth > y->worth ? -1 : 1;
    if (x->tensor != y->tensor) return x->tensor < y->tensor ? -1 : 1;
    return x->loads < y->loads ? -1 : x->loads > y->loads;
}

static void occupy(chooser *c, uint32_t first, uint32_t last, int64_t bytes) {
    for (uint32_t at = first; at <= last; at++)
        c->busy[at] += bytes;
}

static bool has_room(const chooser *c, const option *o, int64_t bytes, int64_t limit) {
    for (uint32_t at = o->first; at <= o->last; at++)
        if (c->busy[at] + bytes > limit) return false;
    return true;
}

static void count_tiles(chooser *c) {
    ts_reside *r = c->r;
    for (uint32_t i = 0; i < r->b->tiles.count; i++)
        r->b->tiles.data[i].first = TS_LIVE_NEVER;
    for (uint32_t i = 0; i < r->b->tiles.count; i++)
        for (uint32_t n = r->tiles[i].uses; n; n = r->uses.data[n - 1].next)
            ts_live_see(r->b, r->loop_of, r->uses.data[n - 1].is.ap, r->uses.data[n - 1].at);
    for (uint32_t i = 0; i < r->b->tiles.count; i++) {
        const ts_tile_info *tile = &r->b->tiles.data[i];
        if (tile->space != ts_space_sbuf || tile->first == TS_LIVE_NEVER) continue;
        occupy(c, tile->first, tile->last, tile->bytes * tile->slots);
    }
}

static void take_tiles(ts_reside *r, const ts_reside_tensor *tensor, bool is_taken) {
    uint32_t count = tensor->chosen ? tensor->fill_count + tensor->chosen : 0;
    for (uint32_t i = 0; i < count; i++)
        r->tiles[r->links.data[tensor->first_link + i].tile].is_taken = is_taken;
}

/* Whether no other tensor has taken one of the tiles. A tile that is stored to two tensors, or loaded and
   stored, can be part of only one. */
static bool are_free(const ts_reside *r, const ts_reside_tensor *tensor, uint32_t loads) {
    for (uint32_t i = 0; i < tensor->fill_count + loads; i++)
        if (r->tiles[r->links.data[tensor->first_link + i].tile].is_taken) return false;
    return true;
}

/* Takes candidates best first. A candidate with more loads of a tensor replaces an earlier one with fewer. */
static void choose(chooser *c, int64_t limit) {
    ts_reside *r = c->r;
    for (uint32_t i = 0; i < c->options.count; i++) {
        const option *o = &c->options.data[i];
        ts_reside_tensor *tensor = &r->tensors[o->tensor];
        int64_t bytes = ts_reside_bytes(r, o->tensor);
        if (tensor->chosen >= o->loads) continue;
        take_tiles(r, tensor, false);
        if (tensor->chosen) occupy(c, tensor->first, tensor->last, -bytes);
        if (are_free(r, tensor, o->loads) && has_room(c, o, bytes, limit)) {
            tensor->chosen = o->loads;
            tensor->first = o->first;
            tensor->last = o->last;
        }
        if (tensor->chosen) occupy(c, tensor->first, tensor->last, bytes);
        take_tiles(r, tensor, true);
    }
}

static void forget_choice(chooser *c) {
    ts_reside *r = c->r;
    for (uint32_t t = 0; t < r->program->tensors.count; t++) {
        ts_reside_tensor *tensor = &r->tensors[t];
        if (!tensor->chosen) continue;
        take_tiles(r, tensor, false);
        occupy(c, tensor->first, tensor->last, -ts_reside_bytes(r, t));
        tensor->chosen = 0;
    }
}

/* Whether tiles and chosen tensors all find addresses; fragmentation can prevent it. */
static bool is_placed(ts_reside *r) {
    uint32_t most = r->b->tiles.count + r->program->tensors.count, count = 0;
    ts_live_item *items = TS_NEW_ARRAY(&r->arena, ts_live_item, most);
    for (uint32_t i = 0; i < r->b->tiles.count; i++) {
        const ts_tile_info *tile = &r->b->tiles.data[i];
        if (tile->space != ts_space_sbuf || tile->first == TS_LIVE_NEVER || r->tiles[i].is_taken) continue;
        items[count++] = ts_live_item_of(r->b, i);
    }
    for (uint32_t t = 0; t < r->program->tensors.count; t++)
        if (r->tensors[t].chosen)
            items[count++] = (ts_live_item){.first = r->tensors[t].first,
                                            .last = r->tensors[t].last,
                                            .owner = r->b->tiles.count + t,
                                            .bytes = ts_reside_bytes(r, t),
                                            .is_lasting = true};
    int64_t room = (int64_t)r->b->chip->sbuf_partition_bytes;
    return ts_live_fit(items, count, room, &r->arena) <= room;
}

void ts_reside_choose(ts_reside *r) {
    static const int shares[] = {100, 90, 80, 65, 50, 30}; /* percent of SBUF, tried in turn */
    chooser c = {.r = r, .busy = TS_NEW_ARRAY(&r->arena, int64_t, r->program->code.count)};
    for (uint32_t t = 0; t < r->program->tensors.count; t++)
        add_options(&c, t);
    if (c.options.count == 0) return;
    qsort(c.options.data, c.options.count, sizeof(option), by_worth);
    count_tiles(&c);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        choose(&c, (int64_t)(r->b->chip->sbuf_partition_bytes * shares[i] / 100));
        if (is_placed(r)) return;
        forget_choice(&c);
    }
}
