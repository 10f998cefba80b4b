/* Chooses homes of tiles: for each the lowest columns that are free while it is needed (homes.h). */
#include "machine/homes.h"

#include <stdlib.h>

#include "arch/chip.h"
#include "arch/isa.h"
#include "arch/lifetime.h"
#include "base/unit.h"

enum { ALIGNMENT = 64 }; /* bytes: a cache line */

typedef struct home {
    int64_t address, slot; /* slot: if not 0, the bytes of each slot, all of which share one place */
    int64_t column;
    uint32_t first, last; /* code positions between which it is needed */
    uint32_t uses;        /* operands that name it */
    bool is_only_read;    /* its first instruction sets it as a whole; only `by_rows` read it afterwards */
    bool is_by_rows;      /* only `by_rows` name it after its first instruction, some in loops of their own */
    bool is_multiplied;   /* products name it after its first instruction, and maybe DMAs */
} home;

struct ts_homes {
    bool is_poisoned;
    home homes[1]; /* one per tile */
};

/* Instructions that read a partition's bytes wherever ts_read_through finds them. */
#define BIT(op) (UINT64_C(1) << ts_op_##op)
static const uint64_t by_rows = BIT(tensor_tensor) | BIT(tensor_scalar) | BIT(scalar_tensor_tensor) |
                                BIT(reciprocal) | BIT(activation) | BIT(tensor_reduce) | BIT(tensor_copy);

/* A tile that needs a home. */
typedef struct guest {
    uint32_t tile, first, last;
    bool is_new; /* gets columns that no tile had before, as long as there are such */
    int64_t bytes, column;
} guest;

int64_t ts_homes_columns(int64_t bytes) {
    return bytes + bytes / 4;
}

int64_t ts_homes_column(const ts_homes *homes, uint32_t tile, int64_t offset) {
    const home *h = &homes->homes[tile - 1];
    int64_t inside = offset - h->address;
    return h->column + (h->slot ? inside % h->slot : inside);
}

bool ts_homes_need(const ts_homes *homes, uint32_t tile, uint32_t at) {
    const home *h = &homes->homes[tile - 1];
    return h->first <= at && at <= h->last;
}

bool ts_homes_pass_on(const ts_homes *homes, uint32_t tile, uint32_t at) {
    const home *h = &homes->homes[tile - 1];
    return h->uses == 2 && h->last == at;
}

uint32_t ts_homes_readers(const ts_homes *homes, uint32_t tile, uint32_t at) {
    const home *h = &homes->homes[tile - 1];
    return h->is_only_read && h->first == at ? h->uses - 1 : 0;
}

bool ts_homes_by_rows(const ts_homes *homes, uint32_t tile) {
    return homes->homes[tile - 1].is_by_rows;
}

bool ts_homes_multiplied(const ts_homes *homes, uint32_t tile) {
    return homes->homes[tile - 1].is_multiplied;
}

static int by_first(const void *a, const void *b) {
    const guest *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->tile < y->tile ? -1 : x->tile > y->tile;
}

static int64_t end_of(const guest *g) {
    return g->column + g->bytes;
}

/* First fit, in the order in which tiles are first needed. `live` holds the tiles that are needed, by column.
   False: they do not fit. */
static bool fit(guest *guests, uint32_t count, const guest **live, int64_t columns) {
    int64_t top = 0; /* end of all columns given out so far */
    uint32_t held = 0;
    for (uint32_t i = 0; i < count; i++) {
        guest *g = &guests[i];
        uint32_t kept = 0, slot;
        for (uint32_t j = 0; j < held; j++)
            if (live[j]->last >= g->first) live[kept++] = live[j];
        if (g->is_new && top + g->bytes <= columns) g->column = top;
        for (slot = 0; slot < kept && live[slot]->column < g->column + g->bytes; slot++)
            if (g->column < end_of(live[slot])) g->column = end_of(live[slot]);
        if (end_of(g) > columns) return false;
        if (end_of(g) > top) top = end_of(g);
        for (uint32_t j = kept; j > slot; j--)
            live[j] = live[j - 1];
        live[slot] = g;
        held = kept + 1;
    }
    return true;
}

/* Chooses the homes of all tiles of one memory. */
static bool settle(ts_homes *homes, const ts_program *program, const ts_tile_life *lives, ts_space space,
                   int64_t columns, ts_arena *scratch) {
    guest *guests = TS_NEW_ARRAY(scratch, guest, program->tiles.count);
    const guest **live = TS_NEW_ARRAY(scratch, const guest *, program->tiles.count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->tiles.count; i++) {
        const ts_tile_row *tile = &program->tiles.data[i];
        const ts_tile_life *life = &lives[i];
        if (tile->space != space || life->first == TS_LIVE_NEVER) continue;
        int64_t bytes = tile->bytes * (life->is_one_slot ? 1 : tile->slots);
        guests[count++] = (guest){.tile = i,
                                  .first = life->first,
                                  .last = life->last,
                                  .is_new = homes->is_poisoned && !life->is_set_whole,
                                  .bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT};
        homes->homes[i] =
            (home){.address = tile->address,
                   .slot = life->is_one_slot ? tile->bytes : 0,
                   .first = life->first,
                   .last = life->last,
                   .uses = life->uses,
                   .is_only_read = life->is_set_whole && !life->is_kept && (life->readers & ~by_rows) == 0,
                   .is_by_rows = life->is_kept && (life->readers & ~by_rows) == 0,
                   .is_multiplied = (life->readers & ~BIT(dma_copy)) == BIT(nc_matmul)};
    }
    qsort(guests, count, sizeof *guests, by_first);
    if (!fit(guests, count, live, columns)) return false;
    for (uint32_t i = 0; i < count; i++)
        homes->homes[guests[i].tile].column = guests[i].column;
    return true;
}

typedef struct task {
    const ts_program *program;
    const ts_chip *chip;
    ts_homes *homes;
    bool fits;
} task;

static ts_status settle_within(void *context) {
    task *t = context;
    ts_arena scratch = {0};
    const ts_tile_life *lives = ts_tile_lives(t->program, &scratch);
    t->fits = settle(t->homes, t->program, lives, ts_space_sbuf,
                     ts_homes_columns((int64_t)t->chip->sbuf_partition_bytes), &scratch) &&
              settle(t->homes, t->program, lives, ts_space_psum,
                     ts_homes_columns((int64_t)t->chip->psum_partition_bytes), &scratch);
    ts_arena_free(&scratch);
    return ts_ok;
}

ts_status ts_homes_new(const ts_program *program, const ts_chip *chip, bool is_poisoned, ts_homes **homes,
                       ts_diag *diag) {
    *homes = NULL;
    if (program->tiles.count == 0) return ts_ok;
    ts_homes *made = calloc(1, sizeof *made + program->tiles.count * sizeof(home));
    if (!made) return ts_fail(diag, ts_system, "no host memory for the tiles of a program");
    made->is_poisoned = is_poisoned;
    task t = {program, chip, made, false};
    ts_status status =
        ts_unit_run(NULL, settle_within, &t, "finding a home for the tiles of a program", diag);
    if (status == ts_ok && t.fits)
        *homes = made;
    else
        free(made);
    return status;
}

bool ts_homes_are_for(const ts_homes *homes, bool is_poisoned) {
    return homes->is_poisoned == is_poisoned;
}

void ts_homes_free(ts_homes *homes) {
    free(homes);
}
