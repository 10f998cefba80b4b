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

int64_t ts_gemm_pair_words(int64_t k, int64_t columns, int width) {
    return (k + 1) / 2 * groups_of(columns, width) * width;
}

int64_t ts_gemm_panels(const ts_gemm *g) {
    return groups_of(g->n, g->kernel->columns);
}

double ts_gemm_panel_ns(const ts_gemm *g) {
    int64_t columns = g->n < g->kernel->columns ? g->n : g->kernel->columns;
    return (double)(g->k * g->m * columns) / g->kernel->macs_per_ns;
}

void ts_gemm_pair_a(const ts_gemm *g) {
    const int rows = g->kernel->rows;
    const uint16_t *from = g->a;
    for (int64_t row = 0; row < g->m; row += rows)
        g->kernel->pair(from + row, g->a_pitch, g->k, g->m - row, rows, g->a_pairs + (g->k + 1) / 2 * row);
}

/* Rows of the next panel on their way to the cache while this one is at work. */
static void prefetch(const uint8_t *at, int64_t pitch, int64_t first, int64_t last, int64_t bytes) {
    for (int64_t row = first; row < last; row++)
        for (int64_t byte = 0; byte < bytes; byte += 64)
            __builtin_prefetch(at + row * pitch + byte);
}

static void run_panel(const ts_gemm *g, int64_t column) {
    const int rows = g->kernel->rows, columns = g->kernel->columns;
    const int64_t size = g->a_pairs ? 2 : 4, half = (g->k + 1) / 2, left = g->n - column;
    const uint8_t *b = (const uint8_t *)g->b + column * size;
    const int64_t ahead = left > columns ? columns * size : 0, groups = groups_of(g->m, rows);
    ts_gemm_tile tile = {.b = (const uint32_t *)b,
                         .a_pitch = g->a_pitch,
                         .b_pitch = g->b_pitch,
                         .out_pitch = g->out_pitch,
                         .k = g->k,
                         .is_added = g->is_added};
    if (g->a_pairs) {
        uint32_t *pairs = g->b_pairs + half * column;
        g->kernel->pair((const uint16_t *)b, g->b_pitch, g->k, left, columns, pairs);
        tile.b = pairs;
        tile.b_pitch = columns;
        tile.a_pitch = rows;
        tile.k = half;
    }
    for (int64_t row = 0, group = 0; row < g->m; row += rows, group++) {
        prefetch(b + columns * size, g->b_pitch * size, g->k * group / groups, g->k * (group + 1) / groups,
                 ahead);
        tile.a = g->a_pairs ? g->a_pairs + half * row : (const uint32_t *)g->a + row;
        tile.out = g->out + row * g->out_pitch + column;
        g->kernel->tile(&tile, (int)(g->m - row < rows ? g->m - row : rows),
                        (int)(left < columns ? left : columns));
    }
}

void ts_gemm_run(const ts_gemm *g, int64_t first, int64_t last) {
    for (int64_t panel = first; panel < last; panel++)
        run_panel(g, panel * g->kernel->columns);
}
