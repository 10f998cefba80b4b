/* Shares work among threads. An instruction whose results stay in their partitions waits in the core's
   segment with its neighbours. The segment runs for a few partitions at a time, so that each instruction
   finds in the cache what the one before it left there, and a thread runs a whole segment between two
   barriers. Instructions that read across partitions, as TensorE's do, wait there, too, unless they read what
   a waiting one writes. All others first let the segment run and are then cut into pieces by themselves. */
#include <string.h>

#include "machine/segment.h"

/* Below this, waking the pool takes longer than it saves. */
static const double WORTH_NS = 5000;
/* From this on, a thread that wakes up late loses only a small part of the segment's time. */
static const double LONG_NS = 300000;

/* ---- pieces of one instruction ---- */

ts_chunks ts_chunks_of(const ts_rows *dst) {
    ts_chunks chunks = {.size = TS_CHUNK, .elems = dst->elems};
    int64_t inner = dst->count[dst->dims - 1];
    if (dst->dims > 1 && inner >= TS_CHUNK / 4 && inner <= TS_CHUNK) chunks.size = inner;
    chunks.per_row = (dst->elems + chunks.size - 1) / chunks.size;
    return chunks;
}

typedef struct split {
    ts_piece *task;
    void *context;
    int64_t count;
    int pieces;
} split;

static void run_piece(void *context, int index) {
    const split *s = context;
    s->task(s->context, s->count * index / s->pieces, s->count * (index + 1) / s->pieces);
}

void ts_split(const ts_exec *exec, int64_t count, double unit_ns, ts_piece *task, void *context) {
    ts_segment_run(exec);
    ts_pool *pool = exec->pool;
    int threads = ts_pool_threads(pool);
    int pieces = threads * 4;
    if (threads == 1 || count < 2 || (double)count * unit_ns < WORTH_NS) {
        task(context, 0, count);
        return;
    }
    if (pieces > count) pieces = (int)count;
    split s = {.task = task, .context = context, .count = count, .pieces = pieces};
    ts_pool_run(pool, run_piece, &s, pieces);
}

/* ---- running a segment ---- */

/* Instructions [from, to), in order, for the partitions [low, high). */
static void run_some(ts_segment *s, int from, int to, int32_t low, int32_t high) {
    for (int i = from; i < to; i++) {
        const ts_waiting *w = &s->waiting[i];
        int64_t first = low > w->part ? low - w->part : 0;
        int64_t last = high < w->part + w->parts ? high - w->part : w->parts;
        if (first < last) w->task(s->contexts + w->context, first * w->units, last * w->units);
    }
}

typedef struct shares {
    ts_segment *segment;
    int32_t size; /* partitions of each share, from partition 0 on */
    int count;
} shares;

/* Runs all instructions for the partitions of one share. Those that read across partitions run for the whole
   share at once, since they read much every time; the others for a block of partitions at a time. */
static void run_share(void *context, int index) {
    const shares *all = context;
    ts_segment *s = all->segment;
    int32_t low = index * all->size, high = low + all->size < s->high ? low + all->size : s->high;
    if (low < s->low) low = s->low;
    for (int i = 0, next; i < s->count; i = next) {
        const ts_waiting *w = &s->waiting[i];
        if (w->columns > 0) {
            next = i + 1;
            w->task(s->contexts + w->context, w->columns * index / all->count,
                    w->columns * (index + 1) / all->count);
            continue;
        }
        for (next = i + 1; next < s->count && !s->waiting[i].is_across && !s->waiting[next].is_across;)
            next++;
        int32_t block = next == i + 1 || s->bytes <= TS_NEAR_BYTES ? high - low : TS_BLOCK_PARTS;
        for (int32_t part = low; part < high; part += block)
            run_some(s, i, next, part, part + block < high ? part + block : high);
    }
}

/* Partitions of a share. A long segment has one share per thread, because a product reads (and packs) its
   moving operand once per share. Other segments have two, so that another thread can take one of a thread
   that is late. Shares cut all partitions of the chip, so that a thread tends to have the same ones in every
   segment; if the segment has few partitions, shares are smaller. */
static int32_t share_size(const ts_exec *exec) {
    const ts_segment *s = exec->core->segment;
    int threads = ts_pool_threads(exec->pool);
    if (threads == 1 || s->ns < WORTH_NS) return s->high;
    int number = s->ns < LONG_NS ? 2 * threads : threads;
    int32_t size = (int32_t)exec->core->sbuf.partitions / number / TS_BLOCK_PARTS * TS_BLOCK_PARTS;
    if (size < TS_BLOCK_PARTS) size = TS_BLOCK_PARTS;
    while (size * threads > s->high - s->low && size > TS_LEAST_ROWS)
        size /= 2;
    return size;
}

static void run_before(void *context, int index) {
    ts_segment *s = context;
    const ts_waiting *w = &s->waiting[s->before[index]];
    w->before(s->contexts + w->context, index);
}

void ts_segment_run(const ts_exec *exec) {
    ts_segment *s = exec->core->segment;
    if (s->count == 0) return;
    ts_pool_run(exec->pool, run_before, s, s->befores);
    shares all = {.segment = s, .size = share_size(exec)};
    all.count = (s->high + all.size - 1) / all.size;
    ts_pool_run(exec->pool, run_share, &all, all.count);
    ts_segment_drop(s);
}

void ts_segment_drop(ts_segment *s) {
    s->count = s->transfers = s->loads = s->writes = s->across = s->psum_reads = s->in_columns = 0;
    s->befores = 0;
    s->used = 0;
    s->ns = 0;
    s->bytes = 0;
    s->number++;
}

/* ---- transfers to and from HBM ---- */

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The range of bytes of all partitions. */
static void extent(const ts_window *w, int64_t *low, int64_t *high) {
    int64_t first = w->step * w->part, last = w->step * (w->part + w->parts - 1);
    *low = w->low + smaller(first, last);
    *high = w->high + larger(first, last);
}

/* Whether partitions p and q != p of the two windows may share a byte. */
static bool is_mixed(const ts_window *a, const ts_window *b) {
    int64_t low_a, high_a, low_b, high_b;
    extent(a, &low_a, &high_a);
    extent(b, &low_b, &high_b);
    if (high_a <= low_b || high_b <= low_a) return false;
    if (a->step != b->step) return true;
    int64_t step = a->step < 0 ? -a->step : a->step;
    return larger(a->high, b->high) - smaller(a->low, b->low) > step;
}

bool ts_windows_meet(const ts_window *a, const ts_window *b) {
    int64_t low_a, high_a, low_b, high_b;
    extent(a, &low_a, &high_a);
    extent(b, &low_b, &high_b);
    if (high_a <= low_b || high_b <= low_a) return false;
    return is_mixed(a, b) || (a->low < b->high && b->low < a->high);
}

static bool may_wait(const ts_segment *s, const ts_window *window) {
    for (int i = 0; i < s->transfers; i++)
        if ((window->is_written || s->windows[i].is_written) && is_mixed(window, &s->windows[i]))
            return false;
    return true;
}

/* ---- reads across partitions ---- */

static bool meets_any(const ts_area *area, const ts_area *others, int count) {
    for (int i = 0; i < count; i++) {
        const ts_area *other = &others[i];
        if (area->space == other->space && area->part < other->part + other->parts &&
            other->part < area->part + area->parts && area->low < other->high && other->low < area->high)
            return true;
    }
    return false;
}

static bool is_in_order(const ts_segment *s, const ts_operand_set *set) {
    for (int i = 0; i < set->across; i++)
        if (meets_any(&set->read_across[i], s->written, s->writes) ||
            meets_any(&set->read_across[i], s->in_column, s->in_columns))
            return false;
    for (int i = 0; i < set->writes; i++)
        if (meets_any(&set->written[i], s->read_across, s->across)) return false;
    return true;
}

/* ---- work that is cut along columns ---- */

static bool is_same(const ts_area *a, const ts_area *b) {
    return a->space == b->space && a->part == b->part && a->parts == b->parts && a->low == b->low &&
           a->high == b->high;
}

/* Whether work cut along partitions may wait beside the work that is cut along columns. */
static bool is_beside_columns(const ts_segment *s, const ts_operand_set *set) {
    for (int i = 0; i < set->writes; i++)
        if (meets_any(&set->written[i], s->in_column, s->in_columns)) return false;
    for (int i = 0; i < set->psum_reads; i++)
        if (meets_any(&set->psum_read[i], s->in_column, s->in_columns)) return false;
    return true;
}

static bool may_be_in_columns(const ts_segment *s, const ts_area *place) {
    for (int i = 0; i < s->in_columns; i++)
        if (meets_any(place, &s->in_column[i], 1) && !is_same(place, &s->in_column[i])) return false;
    return !meets_any(place, s->written, s->writes) && !meets_any(place, s->psum_read, s->psum_reads);
}

/* ---- adding to a segment ---- */

/* Whether to cut an instruction with few partitions and much work along its rows instead. */
static bool is_better_apart(const ts_exec *exec, const ts_operand_set *set, const ts_work *work) {
    double ns = (double)(set->parts * work->units) * work->unit_ns;
    return ts_pool_threads(exec->pool) > 1 && set->parts < TS_BLOCK_PARTS && work->units > 1 &&
           ns >= WORTH_NS;
}

/* Adds what an instruction reads of HBM, unless it is there: most products read what the one before reads. */
static void keep_window(ts_segment *s, const ts_window *window) {
    for (int i = s->transfers; i-- > 0;)
        if (s->windows[i].low == window->low && s->windows[i].high == window->high &&
            s->windows[i].step == window->step && s->windows[i].part == window->part &&
            s->windows[i].parts == window->parts && s->windows[i].is_written == window->is_written)
            return;
    s->windows[s->transfers++] = *window;
}

static void append(ts_segment *s, const ts_operand_set *set, const ts_work *work, int64_t columns) {
    ts_waiting *w = &s->waiting[s->count++];
    *w = (ts_waiting){.task = work->task,
                      .units = work->units,
                      .part = set->part,
                      .parts = set->parts,
                      .is_across = set->across + set->across_hbm > 0,
                      .columns = columns,
                      .context = s->used};
    memcpy(s->contexts + s->used, work->context, work->size);
    s->used += (work->size + TS_CONTEXT_ALIGN - 1) / TS_CONTEXT_ALIGN * TS_CONTEXT_ALIGN;
    bool is_first = s->count == 1;
    if (is_first || w->part < s->low) s->low = w->part / TS_BLOCK_PARTS * TS_BLOCK_PARTS;
    if (is_first || w->part + w->parts > s->high) s->high = w->part + w->parts;
    s->ns += (double)(w->parts * w->units) * work->unit_ns;
    s->bytes += set->bytes;
    memcpy(s->read_across + s->across, set->read_across, (size_t)set->across * sizeof *set->read_across);
    s->across += set->across;
    for (int i = 0; i < set->across_hbm; i++)
        keep_window(s, &set->read_across_hbm[i]);
    for (int i = 0; i < set->reads; i++)
        keep_window(s, &set->read[i]);
    if (columns > 0) {
        s->in_column[s->in_columns++] = set->written[0];
        return;
    }
    memcpy(s->written + s->writes, set->written, (size_t)set->writes * sizeof *set->written);
    memcpy(s->psum_read + s->psum_reads, set->psum_read, (size_t)set->psum_reads * sizeof *set->psum_read);
    s->writes += set->writes;
    s->psum_reads += set->psum_reads;
}

static bool is_full(const ts_segment *s, const ts_work *work) {
    return s->count == TS_SEGMENT_LENGTH || s->transfers >= TS_SEGMENT_LENGTH ||
           s->used + work->size > TS_CONTEXT_BYTES;
}

/* Adds work to the segment, or does it at once: returns whether it waits. */
static bool take(const ts_operand_set *set, const ts_work *work, const ts_window *window) {
    const ts_exec *exec = set->exec;
    ts_segment *s = exec->core->segment;
    if (set->is_crossing || set->shadows > 0 || is_better_apart(exec, set, work)) {
        ts_split(exec, work->parts * work->units, work->unit_ns, work->task, work->context);
        return false;
    }
    if (is_full(s, work) || (window && !may_wait(s, window)) || !is_in_order(s, set) ||
        !is_beside_columns(s, set))
        ts_segment_run(exec);
    append(s, set, work, 0);
    if (window) s->windows[s->transfers++] = *window;
    return true;
}

void ts_work_local(ts_operand_set *set, const ts_work *work) {
    take(set, work, NULL);
}

bool ts_work_rows(ts_operand_set *set, const ts_work *work) {
    ts_segment *s = set->exec->core->segment;
    if (!take(set, work, NULL)) return false;
    s->waiting[s->count - 1].begins_with_dst = true;
    return true;
}

bool ts_work_transfer(ts_operand_set *set, const ts_work *work, const ts_window *window) {
    return take(set, work, window);
}

void ts_work_columns(ts_operand_set *set, const ts_work *work, int64_t columns, ts_before *before) {
    ts_segment *s = set->exec->core->segment;
    if (is_full(s, work) || !is_in_order(s, set) || !may_be_in_columns(s, &set->written[0]))
        ts_segment_run(set->exec);
    append(s, set, work, columns);
    if (!before) return;
    s->waiting[s->count - 1].before = before;
    s->before[s->befores++] = s->count - 1;
}
