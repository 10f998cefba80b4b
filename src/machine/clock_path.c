/* The critical path: a tree of instants that grows with the run, kept small by dropping dead branches and
   merging chains, and read from the end back to the launch when the run is over. */
#include <stdlib.h>
#include <string.h>

#include "machine/clock_core.h"

/* Fewer are not worth a pass of merging; merged, a path that is shown has lost its order. */
enum { FEWEST_NODES = 1 << 11, FEWEST_SHOWN = 1 << 13 };

static void node_free(ts_clock *clock, ts_node *node) {
    free(node->many);
    node->many = NULL;
    node->refs = 0;
    ts_slab_give(&clock->nodes, node);
    clock->live_nodes--;
}

void ts_node_end(ts_clock *clock, ts_node *node) {
    do {
        ts_node *parent = node->parent;
        node_free(clock, node);
        node = parent;
    } while (node && --node->refs == 0);
}

static bool is_shown(const ts_clock *clock) {
    return clock->bins > 0 || clock->path_cap > 0;
}

/* What one node may span once it is merged: where the path is shown over time, one part in so many. */
static ts_time longest_node(const ts_clock *clock) {
    enum { PARTS = 1024 };
    return is_shown(clock) ? clock->end.at[clock->asked] / PARTS : INT64_MAX;
}

/* Moves the charges of `node` and of the ancestors that nobody else holds into `node`. */
static void merge_chain(ts_clock *clock, ts_node *node) {
    uint32_t most = 0, count = 0;
    ts_time longest = longest_node(clock), reach = 0;
    for (ts_node *at = node; at && (at == node || at->refs == 1); at = at->parent) {
        ts_node_charges(clock, at);
        reach += at->span;
        if (at != node && reach > longest) break;
        most += at->charges;
    }
    uint32_t limit = clock->rows.count * ts_bound_count;
    ts_charge *many = malloc((most < limit ? most : limit) * sizeof *many + sizeof *many);
    if (!many) return; /* nothing is lost, the tree only stays larger */
    ts_node *at = node;
    ts_time span = 0;
    do {
        const ts_charge *charges = ts_node_charges(clock, at);
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
        uint32_t count = block + 1 < clock->nodes.blocks.count ? ts_slab_items(block) : clock->nodes.used;
        for (uint32_t i = 0; i < count; i++)
            if (nodes[i].refs > 0) visit(clock, &nodes[i]);
    }
}

static void mark_inner(ts_clock *clock, ts_node *node) {
    ts_node_charges(clock, node);
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
    uint32_t fewest = is_shown(clock) ? FEWEST_SHOWN : FEWEST_NODES;
    if (clock->path_cap > fewest) fewest = clock->path_cap;
    if (clock->node_limit < fewest) clock->node_limit = fewest;
}

static ts_node *take_node(ts_clock *clock, ts_node *parent, const ts_step *step) {
    if (++clock->live_nodes > clock->node_limit) merge_chains(clock);
    ts_node *node = ts_slab_take(&clock->arena, &clock->nodes, sizeof *node);
    node->parent = ts_node_hold(parent);
    node->step = step;
    node->many = NULL;
    node->charges = 0;
    node->refs = 1;
    node->is_inner = false;
    node->anchor = node->mark = 0;
    node->span = 0;
    return node;
}

static void charge(ts_node *node, uint32_t row, ts_bound bound, ts_time amount) {
    if (amount <= 0) return;
    node->few[node->charges++] = (ts_charge){row, bound, amount};
    node->span += amount;
}

ts_node *ts_node_new(ts_clock *clock, ts_node *parent, const ts_charge *charges, int count) {
    ts_node *node = take_node(clock, parent, NULL);
    for (int i = 0; i < count; i++)
        charge(node, charges[i].row, charges[i].bound, charges[i].amount);
    return node;
}

ts_bound ts_step_bound(const ts_step *step) {
    if (step->is_control || step->is_wait) return ts_bound_wait;
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

/* `extra` waits in the last place. */
ts_node *ts_node_from(ts_clock *clock, const ts_cause *cause, ts_charge extra) {
    ts_node *node = take_node(clock, cause->node, cause->node ? cause->step : NULL);
    node->kind = (uint8_t)cause->kind;
    node->few[node->step ? TS_NODE_CHARGES - 1 : 0] = extra;
    if (node->step || extra.amount <= 0) return node;
    node->charges = 1;
    node->span = extra.amount;
    return node;
}

const ts_charge *ts_node_charges(const ts_clock *clock, ts_node *node) {
    const ts_step *step = node->step;
    if (!step) return node->many ? node->many : node->few;
    uint32_t row = step->row;
    ts_bound bound = ts_step_bound(step);
    const ts_set_costs *costs = &step->of[clock->asked];
    ts_charge extra = node->few[TS_NODE_CHARGES - 1];
    node->step = NULL;
    switch ((ts_cause_kind)node->kind) {
    case ts_cause_engine: charge(node, row, bound, costs->occupancy); break;
    case ts_cause_same:
        charge(node, row, bound, costs->occupancy);
        charge(node, row, ts_bound_wait, costs->dependent);
        break;
    case ts_cause_ready:
        charge(node, row, bound, costs->stream);
        charge(node, row, ts_bound_wait, costs->latency + clock->semaphore[clock->asked]);
        break;
    case ts_cause_result:
        charge(node, row, bound, costs->stream);
        charge(node, row, ts_bound_wait, costs->latency);
        break;
    case ts_cause_done: charge(node, row, ts_bound_dma_latency, clock->completion[clock->asked]); break;
    }
    charge(node, extra.row, extra.bound, extra.amount);
    return node->few;
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
        const ts_charge *charges = ts_node_charges(clock, node);
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
    if (is_shown(clock)) show_path(clock, end);
    for (ts_node *node = end; node; node = node->parent) {
        const ts_charge *charges = ts_node_charges(clock, node);
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
