/* The multiply as a whole: the kernel of a CPU, and the walk over the tiles of a product. */
#include "machine/gemm.h"

const ts_gemm_kernel *ts_gemm_kernel_of(ts_isa isa, bool is_paired) {
#ifdef __x86_64__
    if (is_paired) return isa == ts_isa_avx512bf16 ? &ts_gemm_avx512bf16 : NULL;
    if (isa >= ts_isa_avx512) return &ts_gemm_avx512;
    if (isa == ts_isa_avx2) return &ts_gemm_avx2;
#endif
    (void)isa;
    return is_paired ? NULL : &ts_gemm_plain;
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

void ts_gemm_pair_a(const ts_gemm *g) {
    if (g->a_step == 1)
        g->kernel->pair(g->a, g->a_pitch, g->k, g->m, g->kernel->rows, g->a_pairs);
    else
        g->kernel->pair_turned(g->a, g->a_step, g->k, g->m, g->a_pairs);
}

ts_gemm ts_gemm_rows(const ts_gemm *g, int64_t first, int64_t last) {
    ts_gemm cut = *g;
    cut.a = (const uint8_t *)g->a + first * g->a_step * (g->a_pairs ? 2 : 4);
    cut.out = g->out + first * g->out_pitch;
    cut.m = last - first;
    return cut;
}

/* ---- columns ---- */

bool ts_gemm_takes(const ts_gemm_kernel *kernel, const ts_gemm_columns *c) {
    return c->run % kernel->columns == 0 || (c->run == kernel->lanes && 2 * c->run == kernel->columns);
}

static int64_t column_at(const ts_gemm *g, int64_t column) {
    const ts_gemm_columns *c = &g->columns;
    if (c->run == 0) return column;
    int64_t at = column % c->run, run = column / c->run;
    for (int i = c->dims; i-- > 0; run /= c->count[i])
        at += run % c->count[i] * c->step[i];
    return at;
}

/* What a tile fetches for later ones. In the first panel of a call, tile by tile, the rows of `a` after the
   next line, or two more lines of all rows that are still to come where `a` lies turned; in the second tile
   the columns of the next panel, from afar, and in the last again, to the first cache, from where the rows
   that passed in between have pushed them. */
static void fetch_later(const ts_gemm *g, int64_t column, int64_t row, bool is_first, ts_gemm_tile *tile) {
    enum { LINE = 64 };
    const int64_t size = g->a_pairs ? 2 : 4, pitch = g->b_pitch * size, rows = g->kernel->rows;
    const bool has_next = column + g->kernel->columns < g->n;
    if (has_next && (row == rows || g->m - row <= rows)) {
        tile->next = (const uint8_t *)g->b + column_at(g, column + g->kernel->columns) * size;
        tile->next_pitch = g->a_pairs ? 2 * pitch : pitch;
        tile->next_line = g->a_pairs ? pitch : LINE;
    } else if (is_first && !g->a_pairs && g->a_step == 1) {
        tile->next = (const uint8_t *)tile->a + LINE;
        tile->next_pitch = g->a_pitch * size;
        tile->next_line = 0;
    } else if (is_first && !g->a_pairs && row / rows * 2 * LINE < g->k * size) {
        tile->next = (const uint8_t *)(tile->a + rows * g->a_step) + row / rows * 2 * LINE;
        tile->next_pitch = g->a_step * size;
        tile->next_line = LINE;
    } else {
        tile->next = (const uint8_t *)tile->b;
        tile->next_pitch = tile->next_line = 0;
    }
}

/* What the tile will write, and read when it adds. */
static void fetch_out(const ts_gemm_tile *tile, int rows, int columns) {
    enum { LINE = 16 };
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column += LINE)
            __builtin_prefetch(tile->out + row * tile->out_pitch + column, 1);
}

/* A tile of fewer rows is over before what it fetches arrives. */
enum { WORTH_FETCHING = 32 };

/* b_pairs: room for the panel's pairs. */
static void run_panel(const ts_gemm *g, int64_t column, bool is_first, uint32_t *b_pairs) {
    const int rows = g->kernel->rows, columns = g->kernel->columns;
    const int64_t half = (g->k + 1) / 2, left = g->n - column;
    const int width = (int)(left < columns ? left : columns);
    const int64_t at = column_at(g, column), half_at = columns / 2;
    const uint8_t *b = (const uint8_t *)g->b + at * (g->a_pairs ? 2 : 4);
    ts_gemm_tile tile = {.b = (const uint32_t *)b,
                         .b_second = half_at,
                         .a_step = g->a_pairs ? 1 : g->a_step,
                         .a_pitch = g->a_pitch,
                         .b_pitch = g->b_pitch,
                         .out_pitch = g->out_pitch,
                         .k = g->k,
                         .is_added = g->is_added};
    if (!g->a_pairs && width > half_at) tile.b_second = column_at(g, column + half_at) - at;
    if (g->a_pairs) {
        g->kernel->pair((const uint16_t *)b, g->b_pitch, g->k, width, columns, b_pairs);
        tile.b = b_pairs;
        tile.b_pitch = columns;
        tile.a_pitch = rows;
        tile.k = half;
    }
    for (int64_t row = 0; row < g->m; row += rows) {
        const int height = (int)(g->m - row < rows ? g->m - row : rows);
        tile.a = g->a_pairs ? g->a_pairs + half * row : (const uint32_t *)g->a + row * g->a_step;
        tile.out = g->out + row * g->out_pitch + column;
        fetch_later(g, column, row, is_first, &tile);
        if (tile.k >= WORTH_FETCHING) fetch_out(&tile, height, width);
        g->kernel->tile(&tile, height, width);
    }
}

/* Panels of one call share their room, which so stays in the first cache. */
void ts_gemm_run(const ts_gemm *g, int64_t first, int64_t last) {
    const int columns = g->kernel->columns;
    uint32_t *room = g->b_pairs ? g->b_pairs + g->room * first : NULL;
    for (int64_t panel = first; panel < last; panel++)
        run_panel(g, panel * columns, panel == first, room);
}
