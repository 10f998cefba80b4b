/* The critical path: a tree of instants that grows with the run, kept small by dropping dead branches and
   merging chains, and read from the end back to the launch when the run is over. */
#include <stdlib.h>
#include <string.h>

#include "machine/clock_core.h"

enum { FEWEST_NODES = 1 << 13 }; /* fewer are not worth a pass of merging */

static ts_charge *charges_of(ts_node *node) {
    return node->many ? node->many : node->few;
}

static void node_free(ts_clock *clock, ts_node *node) {
    free(node->many);
    node->many = NULL;
    node->refs = 0;
    ts_slab_give(&clock->nodes, node);
    clock->live_nodes--;
}

void ts_node_drop(ts_clock *clock, ts_node *node) {
    while (node && --node->refs == 0) {
        ts_node *parent = node->parent;
        node_free(clock, node);
        node = parent;
    }
}

/* What one node may span once it is merged: where the path is shown over time, one part in so many. */
static ts_time longest_node(const ts_clock *clock) {
    enum { PARTS = 1024 };
    bool is_shown = clock->bins > 0 || clock->path_cap > 0;
    return is_shown ? clock->end.at[clock->asked] / PARTS : INT64_MAX;
}

/* Moves the charges of `node` and of the ancestors that nobody else holds into `node`. */
static void merge_chain(ts_clock *clock, ts_node *node) {
    uint32_t most = 0, count = 0;
    for (ts_node *at = node; at; at = at->parent) {
        most += at->charges;
        if (at != node && at->refs != 1) break;
    }
    uint32_t limit = clock->rows.count * ts_bound_count;
    ts_time longest = longest_node(clock);
    ts_charge *many = malloc((most < limit ? most : limit) * sizeof *many + sizeof *many);
    if (!many) return; /* nothing is lost, the tree only stays larger */
    ts_node *at = node;
    ts_time span = 0;
    do {
        const ts_charge *charges = charges_of(at);
        for (uint32_t i = 0; i < at->charges; i++) {
            ts_time *sum = &clock->charge_sums[charges[i].row * ts_bound_count + charges[i].bound];
            if (*sum == 0) many[count++] = charges[i];
            *sum += charges[i].amount;
        }
        ts_node *parent = at->parent;
        span += at->span;
        if (at != node) node_free(clock, at);
        at = parent;
    } while (at && at->refs == 1 && span + at->span <= longest);
    for (uint32_t i = 0; i < count; i++) {
        ts_time *sum = &clock->charge_sums[many[i].row * ts_bound_count + many[i].bound];
        many[i].amount = *sum;
        *sum = 0;
    }
    free(node->many);
    node->many = many;
    node->charges = count;
    node->span = span;
    node->parent = at;
}

typedef void node_visit(ts_clock *clock, ts_node *node);

static void each_node(ts_clock *clock, node_visit *visit) {
    for (uint32_t block = 0; block < clock->nodes.blocks.count; block++) {
        ts_node *nodes = (ts_node *)(void *)clock->nodes.blocks.data[block];
        uint32_t count = block + 1 < clock->nodes.blocks.count ? TS_SLAB_ITEMS : clock->nodes.used;
        for (uint32_t i = 0; i < count; i++)
            if (nodes[i].refs > 0) visit(clock, &nodes[i]);
    }
}

static void mark_inner(ts_clock *clock, ts_node *node) {
    (void)clock;
    if (node->parent && node->parent->refs == 1) node->parent->is_inner = true;
}

/* Only the lower end of a chain merges, so that each charge moves once. */
static void merge_outer(ts_clock *clock, ts_node *node) {
    if (node->is_inner) return;
    for (; node && node->parent && node->parent->refs == 1; node = node->parent)
        if (node->span + node->parent->span <= longest_node(clock)) merge_chain(clock, node);
}

static void merge_chains(ts_clock *clock) {
    if (!clock->charge_sums)
        clock->charge_sums = TS_NEW_ARRAY(&clock->arena, ts_time, (size_t)clock->rows.count * ts_bound_count);
    each_node(clock, mark_inner);
    each_node(clock, merge_outer);
    clock->node_limit = clock->live_nodes * 2;
    uint32_t fewest = clock->path_cap > FEWEST_NODES ? clock->path_cap : FEWEST_NODES; /* merged: no order */
    if (clock->node_limit < fewest) clock->node_limit = fewest;
}

ts_node *ts_node_new(ts_clock *clock, ts_node *parent, const ts_charge *charges, int count) {
    if (++clock->live_nodes > clock->node_limit) merge_chains(clock);
    ts_node *node = ts_slab_take(&clock->arena, &clock->nodes, sizeof *node);
    node->parent = ts_node_hold(parent);
    node->many = NULL;
    node->span = 0;
    node->charges = 0;
    node->refs = 1;
    node->anchor = node->mark = 0;
    node->is_inner = false;
    for (int i = 0; i < count; i++)
        if (charges[i].amount > 0) {
            node->few[node->charges++] = charges[i];
            node->span += charges[i].amount;
        }
    return node;
}

ts_bound ts_step_bound(const ts_step *step) {
    if (step->is_control) return ts_bound_wait;
    if (step->is_dma)
        return step->is_indexed && step->engine == ts_engine_gpsimd ? ts_bound_gpsimd : ts_bound_dma_latency;
    switch (step->engine) {
    case ts_engine_tensor: return ts_bound_tensor;
    case ts_engine_vector: return ts_bound_vector;
    case ts_engine_scalar: return ts_bound_scalar;
    case ts_engine_gpsimd: return ts_bound_gpsimd;
    default: return ts_bound_wait;
    }
}

ts_node *ts_node_from(ts_clock *clock, const ts_cause *cause, ts_charge extra) {
    ts_charge charges[TS_NODE_CHARGES] = {{0}};
    const ts_step *step = cause->step;
    int k = clock->asked, count = 0;
    if (cause->node) {
        uint32_t bound = ts_step_bound(step), row = step->row;
        switch (cause->kind) {
        case ts_cause_engine: charges[count++] = (ts_charge){row, bound, step->of[k].occupancy}; break;
        case ts_cause_same:
            charges[count++] = (ts_charge){row, bound, step->of[k].occupancy};
            charges[count++] = (ts_charge){row, ts_bound_wait, step->of[k].dependent};
            break;
        case ts_cause_ready:
            charges[count++] = (ts_charge){row, bound, step->of[k].stream};
            charges[count++] = (ts_charge){row, ts_bound_wait, step->of[k].latency + clock->semaphore[k]};
            break;
        case ts_cause_result:
            charges[count++] = (ts_charge){row, bound, step->of[k].stream};
            charges[count++] = (ts_charge){row, ts_bound_wait, step->of[k].latency};
            break;
        case ts_cause_done:
            charges[count++] = (ts_charge){row, ts_bound_dma_latency, clock->completion[k]};
            break;
        }
    }
    charges[count++] = extra;
    return ts_node_new(clock, cause->node, charges, count);
}

void ts_cause_set(ts_clock *clock, ts_cause *cause, ts_node *node, const ts_event *event,
                  ts_cause_kind kind) {
    ts_node *old = cause->node;
    *cause = (ts_cause){ts_node_hold(node), event->step, event->sequence, kind};
    ts_node_drop(clock, old);
}

void ts_cause_clear(ts_clock *clock, ts_cause *cause) {
    ts_node_drop(clock, cause->node);
    *cause = (ts_cause){0};
}

/* The path in order of time. Charges of a merged node have lost their order: they share its stretch. */
static void show_path(ts_clock *clock, ts_node *end) {
    TS_VEC(ts_node *) nodes = {0};
    ts_time at = clock->record->launch;
    ts_charge launch = {0, ts_bound_launch, at};
    ts_series_path(clock, 0, at, &launch);
    for (ts_node *node = end; node; node = node->parent)
        ts_vec_push(&nodes, &clock->arena, node);
    for (uint32_t n = nodes.count; n-- > 0;) {
        ts_node *node = nodes.data[n];
        const ts_charge *charges = charges_of(node);
        for (uint32_t i = 0; i < node->charges; i++) {
            ts_time until = node->many ? at + node->span : at + charges[i].amount;
            ts_series_path(clock, at, until, &charges[i]);
            if (!node->many) at = until;
        }
        if (node->many) at += node->span;
    }
}

void ts_path_finish(ts_clock *clock) {
    ts_node *end = ts_node_from(clock, &clock->end_cause, (ts_charge){0});
    if (clock->bins > 0 || clock->path_cap > 0) show_path(clock, end);
    for (ts_node *node = end; node; node = node->parent) {
        const ts_charge *charges = charges_of(node);
        for (uint32_t i = 0; i < node->charges; i++) {
            clock->rows.data[charges[i].row].bound[charges[i].bound] += charges[i].amount;
            clock->record->bound[charges[i].bound] += charges[i].amount;
        }
    }
    ts_node_drop(clock, end);
}

static void free_many(ts_clock *clock, ts_node *node) {
    (void)clock;
    free(node->many);
    node->many = NULL;
}

void ts_path_free(ts_clock *clock) {
    each_node(clock, free_many);
}
