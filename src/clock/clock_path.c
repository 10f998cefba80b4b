/* The critical path. Instants form a tree, rooted at the launch, that grows with the run; it is kept small by
   dropping branches that nothing refers to and by merging chains. When the run is over, the path is read from
   its end back to the launch. */
#include <stdlib.h>
#include <string.h>

#include "clock/clock_core.h"

/* Nodes below which a pass of merging is not worth it. Merged nodes lose the order of their charges. */
enum { FEWEST_NODES = 1 << 13 };

/* Frees the merged charges of a node. */
static void forget_many(ts_node *node) {
    if (node->charges) free(node->many);
    node->charges = 0;
}

static void node_free(ts_clock *clock, ts_node *node) {
    forget_many(node);
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

/* Whether the path is shown over time, not only as totals. */
static bool is_shown(const ts_clock *clock) {
    return clock->bins > 0 || clock->path_cap > 0;
}

/* The longest time that a merged node may span. A path that is shown over time keeps PARTS of them. */
static ts_time longest_node(const ts_clock *clock) {
    enum { PARTS = 1024 };
    return is_shown(clock) ? clock->end.at[clock->asked] / PARTS : INT64_MAX;
}

/* Moves the charges of `node` and of the ancestors that nobody else holds into `node`. */
static void merge_chain(ts_clock *clock, ts_node *node) {
    uint32_t most = 0, count = 0;
    ts_time longest = longest_node(clock), reach = 0;
    for (ts_node *at = node; at && (at == node || at->refs == 1); at = at->parent) {
        reach += at->span;
        if (at != node && reach > longest) break;
        most += at->charges ? at->charges : TS_NODE_CHARGES;
    }
    uint32_t limit = clock->rows.count * ts_bound_count;
    ts_charge *many = malloc((most < limit ? most : limit) * sizeof *many + sizeof *many);
    if (!many) return; /* no harm: the tree only stays larger */
    ts_node *at = node;
    ts_time span = 0;
    do {
        ts_charge few[TS_NODE_CHARGES];
        uint32_t charges;
        const ts_charge *own = ts_node_charges(clock, at, few, &charges);
        for (uint32_t i = 0; i < charges; i++) {
            ts_time *sum = &clock->charge_sums[own[i].row * ts_bound_count + own[i].bound];
            if (*sum == 0) many[count++] = own[i];
            *sum += own[i].amount;
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
    ts_node_take(node, many, count);
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

static void find_span(ts_clock *clock, ts_node *node) {
    ts_charge few[TS_NODE_CHARGES];
    uint32_t count;
    if (node->charges) return;
    ts_node_charges(clock, node, few, &count);
    node->span = 0;
    for (uint32_t i = 0; i < count; i++)
        node->span += few[i].amount;
}

static void mark_inner(ts_clock *clock, ts_node *node) {
    (void)clock;
    if (node->parent && node->parent->refs == 1) node->parent->is_inner = true;
}

/* Merges a chain from its lower end, so that each charge moves only once. */
static void merge_outer(ts_clock *clock, ts_node *node) {
    if (node->is_inner) return;
    for (; node && node->parent && node->parent->refs == 1; node = node->parent)
        if (node->span + node->parent->span <= longest_node(clock)) merge_chain(clock, node);
}

/* The next pass of merging is due when there are four times as many nodes. */
static void set_limit(ts_clock *clock) {
    uint32_t fewest = clock->path_cap > FEWEST_NODES ? clock->path_cap : FEWEST_NODES;
    clock->node_limit = clock->live_nodes * 4 > fewest ? clock->live_nodes * 4 : fewest;
}

void ts_path_open(ts_clock *clock) {
    set_limit(clock);
}

void ts_path_merge(ts_clock *clock) {
    if (!clock->charge_sums)
        clock->charge_sums = TS_NEW_ARRAY(&clock->arena, ts_time, (size_t)clock->rows.count * ts_bound_count);
    if (is_shown(clock)) each_node(clock, find_span); /* spans are needed only then */
    each_node(clock, mark_inner);
    each_node(clock, merge_outer);
    set_limit(clock);
}

ts_bound ts_step_bound(const ts_step *step) {
    if (step->is_control || step->is_wait) return ts_bound_wait;
    if (step->is_collective) return ts_bound_collective;
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

ts_bound ts_step_bytes_bound(const ts_step *step) {
    return step->is_collective ? ts_bound_collective : ts_bound_dma_bytes;
}

ts_node *ts_node_move(ts_clock *clock, const ts_step *step, ts_node *issued, ts_node *from,
                      ts_time descriptors, ts_time bytes) {
    bool is_arrival = !from && !step->is_collective; /* pieces of a collective have no first-byte latency */
    ts_node *node =
        ts_node_take_new(clock, from ? from : issued, step, is_arrival ? ts_cause_arrival : ts_cause_turn);
    node->amount = descriptors;
    node->span = (is_arrival ? clock->first_byte[clock->asked] : 0) + descriptors + bytes;
    return node;
}

void ts_node_take(ts_node *node, ts_charge *many, uint32_t count) {
    forget_many(node);
    node->kind = ts_cause_other;
    node->charges = count;
    node->many = many;
    if (count) return;
    free(many);
    node->amount = 0;
}

/* Appends a charge, unless it is 0. */
static void charge(ts_charge *few, uint32_t *count, uint32_t row, ts_bound bound, ts_time amount) {
    if (amount > 0) few[(*count)++] = (ts_charge){row, bound, amount};
}

/* Appends the charges of a transfer: `latency`, descriptors, and the rest of the node's span for bytes. */
static void charge_bytes(const ts_node *node, ts_time latency, ts_charge *few, uint32_t *count) {
    uint32_t row = node->step->row;
    charge(few, count, row, ts_bound_dma_latency, latency);
    charge(few, count, row, ts_bound_dma_descriptors, node->amount);
    charge(few, count, row, ts_step_bytes_bound(node->step), node->span - latency - node->amount);
}

const ts_charge *ts_node_charges(const ts_clock *clock, const ts_node *node, ts_charge few[TS_NODE_CHARGES],
                                 uint32_t *count) {
    const ts_step *step = node->step;
    int asked = clock->asked;
    *count = node->charges;
    if (node->charges) return node->many;
    switch ((ts_cause_kind)node->kind) {
    case ts_cause_engine:
        charge(few, count, step->row, ts_step_bound(step), step->of[asked].occupancy);
        break;
    case ts_cause_same:
        charge(few, count, step->row, ts_step_bound(step), step->of[asked].occupancy);
        charge(few, count, step->row, ts_bound_wait, step->of[asked].dependent);
        break;
    case ts_cause_ready:
        charge(few, count, step->row, ts_step_bound(step), step->of[asked].stream);
        charge(few, count, step->row, ts_bound_wait, step->of[asked].latency + clock->semaphore[asked]);
        break;
    case ts_cause_result:
        charge(few, count, step->row, ts_step_bound(step), step->of[asked].stream);
        charge(few, count, step->row, ts_bound_wait, step->of[asked].latency);
        break;
    case ts_cause_done: charge(few, count, step->row, ts_bound_dma_latency, clock->completion[asked]); break;
    case ts_cause_arrival: charge_bytes(node, clock->first_byte[asked], few, count); return few;
    case ts_cause_turn: charge_bytes(node, 0, few, count); return few;
    case ts_cause_other: break;
    }
    charge(few, count, node->row, (ts_bound)node->bound, node->amount);
    return few;
}

/* Shows the path that ends at `end`, in order of time. The charges of a merged node share one stretch. */
static void show_path(ts_clock *clock, ts_node *end) {
    TS_VEC(ts_node *) nodes = {0};
    ts_time at = clock->record->launch;
    ts_charge launch = {0, ts_bound_launch, at};
    ts_series_path(clock, 0, at, &launch);
    for (ts_node *node = end; node; node = node->parent)
        ts_vec_push(&nodes, &clock->arena, node);
    for (uint32_t n = nodes.count; n-- > 0;) {
        ts_node *node = nodes.data[n];
        ts_charge few[TS_NODE_CHARGES];
        uint32_t count;
        const ts_charge *charges = ts_node_charges(clock, node, few, &count);
        for (uint32_t i = 0; i < count; i++) {
            ts_time until = node->charges ? at + node->span : at + charges[i].amount;
            ts_series_path(clock, at, until, &charges[i]);
            if (!node->charges) at = until;
        }
        if (node->charges) at += node->span;
    }
}

void ts_path_finish(ts_clock *clock) {
    ts_node *end = ts_node_from(clock, &clock->end_cause, (ts_charge){0});
    if (is_shown(clock)) show_path(clock, end);
    for (ts_node *node = end; node; node = node->parent) {
        ts_charge few[TS_NODE_CHARGES];
        uint32_t count;
        const ts_charge *charges = ts_node_charges(clock, node, few, &count);
        for (uint32_t i = 0; i < count; i++) {
            clock->record->rows.data[charges[i].row].bounds[charges[i].bound] += charges[i].amount;
            clock->record->bound[charges[i].bound] += charges[i].amount;
        }
    }
    ts_node_drop(clock, end);
}

static void free_many(ts_clock *clock, ts_node *node) {
    (void)clock;
    forget_many(node);
}

void ts_path_free(ts_clock *clock) {
    each_node(clock, free_many);
}
