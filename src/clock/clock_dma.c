/* The DMA engines and HBM, which all transfers share. A transfer is spread over DMA engines in shares of
   rows, and all its bytes pass HBM.

   Most transfers give every engine an equal share. Then all engines are free at the same time and for the
   same reason, and as long as that lasts entry 0 of dma_free and dma_node stands for all of them. */
#include "clock/clock_core.h"

static ts_time later(ts_time a, ts_time b) {
    return a > b ? a : b;
}

/* Rows of the transfer that DMA engine number `share` moves. */
static int share_rows(const ts_step *step, int share) {
    int left = step->rows - share * step->rows_per_share;
    return left < step->rows_per_share ? left : step->rows_per_share;
}

/* Batched changes of reference counts: most transfers replace the same old node by the same new one on all
   their DMA engines. */
typedef struct share_nodes {
    ts_node *node, *parent; /* of the share charged last; equal shares use the same node */
    ts_time start, end;     /* of that share */
    ts_node *old;           /* a node that was replaced but has not been dropped yet */
    uint32_t holds, drops;  /* references still to be added to `node`, and to be dropped from `old` */
} share_nodes;

static void flush_holds(share_nodes *nodes) {
    if (nodes->node) nodes->node->refs += nodes->holds;
    nodes->holds = 0;
}

static void flush_drops(ts_clock *clock, share_nodes *nodes) {
    if (nodes->old) {
        nodes->old->refs -= nodes->drops - 1;
        ts_node_drop(clock, nodes->old);
    }
    nodes->drops = 0;
}

/* Makes `engine` busy with a share in the set asked for: sets its node, and counts its time. */
static void charge_share(ts_clock *clock, ts_node *issued, const ts_step *step, int share, ts_time arrival,
                         int engine, ts_time start, ts_time end, share_nodes *nodes) {
    ts_node *old = clock->dma_node[engine], *parent = start > arrival ? old : issued;
    if (!nodes->node || nodes->parent != parent || nodes->start != start || nodes->end != end) {
        ts_time descriptors = share_rows(step, share) * step->of[clock->asked].descriptor_time;
        ts_node *node = ts_node_move(clock, step, issued, parent == issued ? NULL : parent, descriptors,
                                     end - start - descriptors);
        ts_union_add(&clock->dma_union, start, end);
        flush_holds(nodes);
        ts_node_drop(clock, nodes->node);
        nodes->node = node;
        nodes->parent = parent;
        nodes->start = start;
        nodes->end = end;
    }
    if (old != nodes->old) {
        flush_drops(clock, nodes);
        nodes->old = old;
    }
    nodes->drops++;
    nodes->holds++;
    clock->dma_node[engine] = nodes->node;
    if (clock->bins) ts_series_busy(clock, ts_engine_none, start, end, 1);
}

/* Moves the transfer through its DMA engines one by one, in a set that is not the one asked for. Returns when
   the last byte has moved. Clears *is_level if the engines end at different times. */
static ts_time pass_shares(ts_clock *clock, const ts_step *step, int k, ts_time arrival, bool *is_level) {
    ts_time row = step->of[k].descriptor_time + step->of[k].byte_time, full = step->rows_per_share * row;
    ts_time done = arrival, least = INT64_MAX;
    int engines = clock->dma_engines[k], engine = (int)(clock->rotation % (uint32_t)engines);
    for (int left = step->shares - 1; left >= 0; left--) {
        ts_time *free = &clock->dma_free[engine].at[k];
        *free = later(arrival, *free) + (left ? full : share_rows(step, step->shares - 1) * row);
        done = later(done, *free);
        if (*free < least) least = *free;
        if (++engine == engines) engine = 0;
    }
    if (least != done) *is_level = false;
    return done;
}

/* The same in the set asked for; also returns the node of the last byte (held) and when the first byte moves.
   Clears *is_level if the engines end at different times or for different reasons. */
static ts_time move_shares(ts_clock *clock, const ts_step *step, int k, ts_time arrival, ts_node *issued,
                           ts_time *first, ts_node **last_byte, bool *is_level) {
    ts_time done = arrival, row = step->of[k].descriptor_time + step->of[k].byte_time, least = INT64_MAX;
    share_nodes nodes = {0};
    int engines = clock->dma_engines[k], engine = (int)(clock->rotation % (uint32_t)engines);
    for (int share = 0; share < step->shares; share++) {
        ts_time start = later(arrival, clock->dma_free[engine].at[k]);
        ts_time end = start + share_rows(step, share) * row;
        const ts_node *before = nodes.node;
        charge_share(clock, issued, step, share, arrival, engine, start, end, &nodes);
        if (before && before != nodes.node) *is_level = false;
        if (share == 0 || start < *first) *first = start;
        if (end > done || !*last_byte) {
            ts_node_drop(clock, *last_byte);
            *last_byte = ts_node_hold(nodes.node);
        }
        clock->dma_free[engine].at[k] = end;
        done = later(done, end);
        if (end < least) least = end;
        if (++engine == engines) engine = 0;
    }
    if (least != done) *is_level = false;
    flush_holds(&nodes);
    flush_drops(clock, &nodes);
    ts_node_drop(clock, nodes.node);
    return done;
}

/* The same in any set while all engines are alike: uses entry 0 for all of them. */
static ts_time move_level(ts_clock *clock, const ts_step *step, int k, ts_time arrival, ts_node *issued,
                          ts_time *first, ts_node **last_byte) {
    ts_time row = step->of[k].descriptor_time + step->of[k].byte_time;
    ts_time start = later(arrival, clock->dma_free[0].at[k]), end = start + step->rows_per_share * row;
    clock->dma_free[0].at[k] = end;
    if (k != clock->asked) return end;
    ts_node *old = clock->dma_node[0], *parent = start > arrival ? old : issued;
    ts_time descriptors = step->rows_per_share * step->of[k].descriptor_time;
    clock->dma_node[0] = ts_node_move(clock, step, issued, parent == issued ? NULL : parent, descriptors,
                                      end - start - descriptors);
    ts_node_drop(clock, old);
    ts_union_add(&clock->dma_union, start, end);
    ts_series_busy(clock, ts_engine_none, start, end, clock->dma_engines[k]);
    *first = start;
    *last_byte = ts_node_hold(clock->dma_node[0]);
    return end;
}

/* Whether in every set each engine gets an equal share. */
static bool takes_all(const ts_clock *clock, const ts_step *step) {
    for (int k = 0; k < clock->sets; k++)
        if (clock->dma_engines[k] != step->shares) return false;
    return step->rows == step->shares * step->rows_per_share;
}

/* Change from one entry for all engines to an entry for each, and back. */
static void split_engines(ts_clock *clock) {
    for (int engine = 1; engine < clock->most_engines; engine++) {
        ts_times_copy(&clock->dma_free[engine], &clock->dma_free[0], clock->sets);
        clock->dma_node[engine] = ts_node_hold(clock->dma_node[0]);
    }
    clock->dma_is_split = true;
}

static void join_engines(ts_clock *clock) {
    for (int engine = 1; engine < clock->most_engines; engine++) {
        ts_node_drop(clock, clock->dma_node[engine]);
        clock->dma_node[engine] = NULL;
    }
    clock->dma_is_split = false;
}

/* Replaces a held node by another; takes over the reference to `node`. */
static void replace(ts_clock *clock, ts_node **place, ts_node *node) {
    ts_node_drop(clock, *place);
    *place = node;
}

/* HBM moves the bytes of all transfers one after the other, which caps their total rate. */
static ts_time through_hbm(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time arrival,
                           ts_node *issued) {
    ts_time start = later(arrival, clock->hbm_free.at[k]);
    clock->hbm_free.at[k] = start + time;
    if (k == clock->asked)
        replace(clock, &clock->hbm_node,
                ts_node_move(clock, step, issued, start > arrival ? clock->hbm_node : NULL, 0, time));
    return clock->hbm_free.at[k];
}

/* When the bytes have moved at this core's share of HBM's rate, which it has even if the other core keeps HBM
   busy. */
static ts_time own_share(const ts_clock *clock, int k, ts_time time, ts_time arrival) {
    return later(arrival, clock->share_free.at[k]) + (ts_time)clock->chip[k].cores * time;
}

/* Decided with the table's constants, for all sets. */
bool ts_dma_takes_share(const ts_clock *clock, ts_time time, ts_time arrival) {
    ts_time end = later(arrival, clock->hbm_free.at[0]) + time;
    return clock->has_sibling && own_share(clock, 0, time, arrival) < end;
}

TS_INLINE ts_time pass_hbm(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time arrival,
                           ts_node *issued, bool is_share, ts_node **node) {
    ts_time end = through_hbm(clock, step, k, time, arrival, issued), free = clock->share_free.at[k];
    *node = clock->hbm_node;
    if (!clock->has_sibling) return end;
    if (is_share) end = own_share(clock, k, time, arrival);
    clock->share_free.at[k] = end;
    if (k != clock->asked) return end;
    ts_node *from = free > arrival ? clock->share_node : NULL;
    replace(clock, &clock->share_node,
            is_share ? ts_node_move(clock, step, issued, from, 0, end - later(arrival, free))
                     : ts_node_hold(*node));
    *node = clock->share_node;
    return end;
}

ts_time ts_dma_pass_hbm(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time arrival,
                        ts_node *issued, bool is_share, ts_node **node) {
    return pass_hbm(clock, step, k, time, arrival, issued, is_share, node);
}

void ts_dma_take(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time start, ts_node *issued) {
    int engines = clock->dma_is_split ? clock->most_engines : 1;
    for (int engine = 0; engine < engines; engine++) {
        ts_time free = clock->dma_free[engine].at[k], from = later(start, free);
        clock->dma_free[engine].at[k] = from + time;
        if (k != clock->asked) continue;
        replace(clock, &clock->dma_node[engine],
                ts_node_move(clock, step, issued, free > start ? clock->dma_node[engine] : NULL, 0, time));
        ts_union_add(&clock->dma_union, from, from + time);
        ts_series_busy(clock, ts_engine_none, from, from + time,
                       clock->dma_is_split ? 1 : clock->dma_engines[k]);
    }
}

void ts_dma_move(ts_clock *clock, const ts_step *step, ts_node *issued, ts_times *times, ts_time *first,
                 ts_node **last_byte) {
    bool is_all = takes_all(clock, step), is_level = is_all;
    if (!is_all && !clock->dma_is_split) split_engines(clock);
    bool is_share = ts_dma_takes_share(clock, step->of[0].hbm_time, times->at[0]);
    for (int k = 0; k < clock->sets; k++) {
        ts_time arrival = times->at[k], done;
        if (clock->dma_is_split && k != clock->asked)
            done = pass_shares(clock, step, k, arrival, &is_level);
        else if (clock->dma_is_split)
            done = move_shares(clock, step, k, arrival, issued, first, last_byte, &is_level);
        else
            done = move_level(clock, step, k, arrival, issued, first, last_byte);
        times->at[k] = done;
        if (step->of[0].hbm_time == 0) continue; /* but bytes that a what-if frees wait for others */
        ts_node *node;
        ts_time end = pass_hbm(clock, step, k, step->of[k].hbm_time, arrival, issued, is_share, &node);
        if (end <= done) continue;
        times->at[k] = end;
        if (k == clock->asked) replace(clock, last_byte, ts_node_hold(node));
    }
    if (clock->dma_is_split && is_level) join_engines(clock);
    clock->rotation = (clock->rotation + (uint32_t)step->shares) % (uint32_t)clock->dma_engines[0];
}
