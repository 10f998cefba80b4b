/* The choice of a CPU's kernel, and the walk over the tiles of a product (gemm.h). */
#include "machine/gemm.h"

#include <string.h>

#include "base/clones.h"

const ts_gemm_kernel *ts_gemm_kernel_of(ts_isa isa, bool is_bf16) {
#ifdef __x86_64__
    if (isa == ts_isa_avx2) return is_bf16 ? &ts_gemm_avx2_bf16 : &ts_gemm_avx2;
    if (is_bf16 && isa == ts_isa_amx) return &ts_gemm_amx;
    if (is_bf16) return isa == ts_isa_avx512bf16 ? &ts_gemm_avx512bf16 : NULL;
    if (isa >= ts_isa_avx512) return &ts_gemm_avx512;
#endif
    (void)isa;
    return is_bf16 ? NULL : &ts_gemm_plain;
}

static int64_t groups_of(int64_t count, int64_t size) {
    return (count + size - 1) / size;
}

int64_t ts_gemm_panels(const ts_gemm *g) {
    return groups_of(g->n, g->kernel->columns);
}

double ts_gemm_panel_ns(const ts_gemm *g) {
    int64_t columns = g->n < g->kernel->columns ? g->n : g->kernel->columns;
    return (double)(g->k * g->m * columns) / g->kernel->macs_per_ns;
}

/* Words that k elements of a row or column take. */
static int64_t words_of(const ts_gemm_kernel *kernel, int64_t k) {
    if (kernel->block) k = groups_of(k, kernel->block) * kernel->block;
    return kernel->is_paired ? (k + 1) / 2 : k;
}

/* With fewer k, packing floats takes longer than it saves. */
enum { WORTH_PACKING = 32 };

bool ts_gemm_packs_a(const ts_gemm *g) {
    enum { FEW_PANELS = 2 };
    if (!g->kernel->pack_a) return false;
    return g->kernel->size == 2 || g->a_step != 1 ||
           (g->k >= WORTH_PACKING && ts_gemm_panels(g) > FEW_PANELS);
}

void ts_gemm_pack_a(const ts_gemm *g) {
    if (g->a_step == 1)
        g->kernel->pack_a(g->a, g->a_pitch, g->k, g->m, g->a_packed);
    else
        g->kernel->pack_a_turned(g->a, g->a_step, g->k, g->m, g->a_packed);
}

ts_gemm ts_gemm_rows(const ts_gemm *g, int64_t first, int64_t last) {
    ts_gemm cut = *g;
    cut.a = (const uint8_t *)g->a + first * g->a_step * g->kernel->size;
    cut.out = g->out + first * g->out_pitch;
    cut.m = last - first;
    return cut;
}

/* ---- columns ---- */

static bool is_read_in_place(const ts_gemm_kernel *kernel, const ts_gemm_columns *c) {
    return c->run % kernel->columns == 0 || (c->run == kernel->lanes && 2 * c->run == kernel->columns);
}

bool ts_gemm_takes(const ts_gemm_kernel *kernel, const ts_gemm_columns *c) {
    enum { SHORTEST = 4 }; /* elements of a run */
    return is_read_in_place(kernel, c) || (kernel->pack_a && kernel->size == 4 && c->run >= SHORTEST);
}

static int64_t column_at(const ts_gemm *g, int64_t column) {
    const ts_gemm_columns *c = &g->columns;
    if (c->run == 0) return column;
    int64_t at = column % c->run, run = column / c->run;
    for (int i = c->dims; i-- > 0; run /= c->count[i])
        at += run % c->count[i] * c->step[i];
    return at;
}

/* The runs that make up the columns of a panel. */
typedef struct runs {
    int count;
    int64_t from[TS_GEMM_COLUMNS], to[TS_GEMM_COLUMNS], bytes[TS_GEMM_COLUMNS]; /* offsets in a row, bytes */
    bool are_equal;                                                             /* in length */
} runs;

static runs runs_of(const ts_gemm *g, int64_t column, int width) {
    const int size = g->kernel->size;
    runs r = {.are_equal = true};
    for (int64_t at = 0, n; at < width; at += n, r.count++) {
        const int64_t left = g->columns.run - (column + at) % g->columns.run;
        n = left < width - at ? left : width - at;
        r.from[r.count] = column_at(g, column + at) * size;
        r.to[r.count] = at * size;
        r.bytes[r.count] = n * size;
        r.are_equal &= r.bytes[r.count] == r.bytes[0];
    }
    return r;
}

#define COPY_RUNS(n)                                                                                         \
    for (int64_t row = 0; row < k; row++, from += pitch, to += to_pitch)                                     \
        for (int i = 0; i < r->count; i++)                                                                   \
            memcpy(to + r->to[i], from + r->from[i], (size_t)(n));

TS_CLONES
static void copy_runs(const runs *r, const uint8_t *from, int64_t pitch, int64_t k, uint8_t *to,
                      int64_t to_pitch) {
    if (r->are_equal && r->bytes[0] == 16) {
        COPY_RUNS(16)
    } else if (r->are_equal && r->bytes[0] == 32) {
        COPY_RUNS(32)
    } else {
        COPY_RUNS(r->bytes[i])
    }
}

/* Copies the columns of a panel of floats, which are short runs, to packed words. */
static void copy_panel(const ts_gemm *g, int64_t column, int width, uint32_t *packed) {
    const int64_t size = g->kernel->size;
    const runs r = runs_of(g, column, width);
    copy_runs(&r, g->b, g->b_pitch * size, g->k, (uint8_t *)packed, g->kernel->columns * size);
}

/* Chooses what a tile prefetches. The second tile of a panel prefetches the columns of the next panel, from
   far away; the last tile does it again, into the first-level cache, from which the rows in between have
   evicted them. If the columns fill no more than a line, the last byte is prefetched: the first may be in the
   line of this panel's last columns. The other tiles of the first panel of a call prefetch rows of `a`: those
   of the next tile if packed words are far, those after the next line if `a` is not packed (kernels that
   prefetch pack an `a` that lies transposed). All others prefetch a row of `later`, while there are any. */
static void fetch_later(const ts_gemm *g, int64_t column, int64_t row, bool is_first, ts_gemm_later *later,
                        ts_gemm_tile *tile) {
    enum { LINE = 64 };
    const int64_t size = g->kernel->size, pitch = g->b_pitch * size, rows = g->kernel->rows;
    const bool has_next = column + g->kernel->columns < g->n;
    if (has_next && ((row > 0 && row <= rows) || g->m - row <= rows)) {
        tile->next = (const uint8_t *)g->b + column_at(g, column + g->kernel->columns) * size;
        tile->next_pitch = g->kernel->is_paired ? 2 * pitch : pitch;
        tile->next_line = g->kernel->is_paired ? pitch : LINE;
        if (g->kernel->columns * size <= LINE) tile->next += g->kernel->columns * size - 1;
    } else if (is_first && g->is_a_far) {
        tile->next = (const uint8_t *)(tile->a + rows * tile->k);
        tile->next_pitch = rows * (int64_t)sizeof(uint32_t);
        tile->next_line = 0;
    } else if (is_first && !g->a_packed) {
        tile->next = (const uint8_t *)tile->a + LINE;
        tile->next_pitch = g->a_pitch * size;
        tile->next_line = 0;
    } else if (later->rows > 0) {
        const int64_t step = groups_of(later->bytes, tile->k);
        tile->next = later->data;
        tile->next_pitch = step < LINE ? step : LINE;
        tile->next_line = 0;
        later->data += later->pitch;
        later->rows--;
    } else {
        tile->next = tile->b;
        tile->next_pitch = tile->next_line = 0;
    }
}

/* Points a tile after the first one to the panel's packed words. */
static void find_packed(const ts_gemm *g, uint32_t *packed, ts_gemm_tile *tile) {
    tile->moving = ts_gemm_words;
    tile->b = packed;
    tile->b_pitch = g->kernel->columns;
    tile->b_second = g->kernel->columns / 2;
}

/* Points the first tile to the panel, and says whether it leaves packed words. */
static void find_panel(const ts_gemm *g, int64_t column, int width, uint32_t *packed, ts_gemm_tile *tile) {
    const ts_gemm_kernel *kernel = g->kernel;
    const int64_t at = column_at(g, column), half_at = kernel->columns / 2;
    const uint8_t *b = (const uint8_t *)g->b + at * kernel->size;
    if (g->columns.run > 0 && !is_read_in_place(kernel, &g->columns)) {
        copy_panel(g, column, width, packed);
        find_packed(g, packed, tile);
        return;
    }
    if (kernel->pack_b) {
        kernel->pack_b(b, g->b_pitch, g->k, width, packed);
        find_packed(g, packed, tile);
        return;
    }
    tile->b = b;
    tile->b_pitch = g->b_pitch;
    tile->b_second = width > half_at ? column_at(g, column + half_at) - at : half_at;
    tile->kept = packed;
    if (kernel->size == 2)
        tile->moving = ts_gemm_kept_halves;
    else if (packed && g->m > kernel->rows && g->k >= WORTH_PACKING)
        tile->moving = ts_gemm_kept_words;
}

/* Computes the panel that begins at `column`. packed: room for its words. */
static void run_panel(const ts_gemm *g, int64_t column, bool is_first, uint32_t *packed,
                      ts_gemm_later *later) {
    const ts_gemm_kernel *kernel = g->kernel;
    const int64_t left = g->n - column, words = words_of(kernel, g->k);
    const int width = (int)(left < kernel->columns ? left : kernel->columns);
    ts_gemm_tile tile = {.a = g->a_packed ? g->a_packed : g->a,
                         .a_step = g->a_packed ? 1 : g->a_step,
                         .a_pitch = g->a_packed ? kernel->rows : g->a_pitch,
                         .out_pitch = g->out_pitch,
                         .k = words,
                         .is_added = g->is_added};
    find_panel(g, column, width, packed, &tile);
    if (kernel->panel) {
        tile.out = g->out + column;
        fetch_later(g, column, kernel->rows, is_first, later, &tile);
        kernel->panel(&tile, g->m, width);
        return;
    }
    for (int64_t row = 0, height; row < g->m; row += height) {
        height = ts_gemm_height(kernel, g->m - row);
        tile.out = g->out + row * g->out_pitch + column;
        fetch_later(g, column, row, is_first, later, &tile);
        kernel->tile(&tile, (int)height, width);
        if (tile.moving != ts_gemm_words) find_packed(g, packed, &tile);
        tile.a += g->a_packed ? kernel->rows * words : height * g->a_step;
    }
}

/* The panels of one call share their room, so that it stays in the first-level cache. */
void ts_gemm_run(const ts_gemm *g, int64_t first, int64_t last) {
    const int columns = g->kernel->columns;
    uint32_t *room = g->b_packed ? g->b_packed + g->room * first : NULL;
    ts_gemm_later later = g->later;
    if (g->kernel->begin) g->kernel->begin();
    for (int64_t panel = first; panel < last; panel++)
        run_panel(g, panel * columns, panel == first, room, &later);
    if (g->kernel->end) g->kernel->end();
}
