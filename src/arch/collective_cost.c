/* Collectives as schedules. In a group of N ranks, a chunk is one N-th of the data of all ranks together.

     ring    all_gather, reduce_scatter: N - 1 steps; in each, every rank sends one chunk to the next rank.
             all_reduce: both. broadcast: the same steps, with the whole message passing through every rank
             in small pieces.
     mesh    all_gather: the ranks of a chip divide the other chips among them and send each all of their
             chip's chunks; then they hand what arrived to the other ranks of the chip. reduce_scatter is
             the mirror image, all_reduce is both.
     direct  all_to_all: N - 1 chunks, each to its rank. permute: the message to its rank.

     The bytes of all groups are added up on every link of the torus that they cross. */
#include "arch/collective_cost.h"

#include <math.h>
#include <string.h>

#include "arch/collective_torus.h"
#include "base/integer.h"

const char *ts_cc_algorithm_name(unsigned algorithm) {
    static const char *const names[] = {"copy", "mesh", "ring", "direct", "?"};
    return names[algorithm < ts_cc_algorithm_count ? algorithm : ts_cc_algorithm_count];
}

const char *ts_cc_limit_name(unsigned limit) {
    static const char *const names[] = {"latency", "a rank's sends", "a link", "?"};
    return names[limit < ts_cc_limit_count ? limit : ts_cc_limit_count];
}

ts_status ts_cc_check(const ts_program *program, const ts_chip *chip, ts_diag *diag) {
    double most = chip->torus_rows * chip->torus_columns * chip->cores;
    if (chip->torus_rows * chip->torus_columns > TS_TORUS_CHIPS)
        return ts_fail(diag, ts_input, "chip %s: a torus of %.0f x %.0f chips, at most %d in all", chip->name,
                       chip->torus_rows, chip->torus_columns, TS_TORUS_CHIPS);
    if (program->ranks <= most) return ts_ok;
    ts_fail(diag, ts_unsupported, "a program of %u ranks: the largest instance of %s has %.0f NeuronCores",
            program->ranks, chip->name, most);
    ts_diag_remedy(diag, "collectives between instances, over EFA, are not modelled");
    return ts_unsupported;
}

/* The members of one group (a row of `groups`) by chip. */
typedef struct group {
    int members, chips, most; /* most: the largest number of members on one chip */
    uint8_t chip[TS_TORUS_CHIPS];
    int on[TS_TORUS_CHIPS]; /* members on chip[i] */
} group;

typedef struct job {
    const ts_chip *chip;
    ts_torus torus;
    ts_cc_plan *plan;
    uint32_t ranks; /* of the program */
    double total;   /* bytes that all ranks send to other chips */
} job;

static int chip_of(const job *j, int rank) {
    return rank / (int)j->chip->cores % j->torus.chips;
}

static group group_of(const job *j, const int32_t *ranks, int members) {
    group g = {.members = members};
    int on[TS_TORUS_CHIPS] = {0};
    for (int i = 0; i < members; i++)
        on[chip_of(j, ranks[i])]++;
    for (int chip = 0; chip < j->torus.chips; chip++) {
        if (on[chip] == 0) continue;
        g.chip[g.chips] = (uint8_t)chip;
        g.on[g.chips++] = on[chip];
        if (on[chip] > g.most) g.most = on[chip];
    }
    return g;
}

static void note_group(job *j, const group *g) {
    if (g->members > j->plan->members) j->plan->members = g->members;
    if (g->chips > j->plan->chips) j->plan->chips = g->chips;
}

/* Adds one pass around the group's rings: `bytes` cross from each chip to the next, divided among the
   channels. */
static void load_ring(job *j, const group *g, double bytes) {
    ts_torus_rings rings;
    if (g->chips == 1) return;
    ts_torus_find_rings(&j->torus, g->chip, g->chips, &rings);
    if (rings.channels > j->plan->channels) j->plan->channels = rings.channels;
    for (int c = 0; c < rings.channels; c++)
        for (int i = 0; i < g->chips; i++)
            ts_torus_send(&j->torus, rings.chip[c][i], rings.chip[c][(i + 1) % g->chips],
                          bytes / rings.channels);
    j->total += bytes * g->chips;
}

static void note_sends(ts_cc_plan *plan, int steps, double remote, double local) {
    if (steps > plan->steps) plan->steps = steps;
    if (remote > plan->remote) plan->remote = remote;
    if (local > plan->local) plan->local = local;
}

/* `passes`: 2 for an all_reduce, else 1. */
static void plan_ring(job *j, const group *g, double chunk, int passes) {
    double sent = passes * (g->members - 1) * chunk;
    note_sends(j->plan, passes * (g->members - 1), sent, 0);
    load_ring(j, g, sent);
}

static void plan_chain(job *j, const group *g, double bytes) {
    note_sends(j->plan, g->members - 1, bytes, 0);
    load_ring(j, g, bytes);
}

static void plan_mesh(job *j, const group *g, double chunk, int passes) {
    double remote = (double)ts_ceil_div(g->chips - 1, g->most) * g->most * chunk;
    double local = (double)g->members / g->most * (g->most - 1) * chunk;
    note_sends(j->plan, passes * ((g->chips > 1) + (g->most > 1)), passes * remote, passes * local);
    for (int a = 0; a < g->chips; a++)
        for (int b = 0; b < g->chips; b++) {
            if (a == b) continue;
            double bytes = passes * g->on[a] * chunk;
            ts_torus_send(&j->torus, g->chip[a], g->chip[b], bytes);
            j->total += bytes;
        }
}

/* all_to_all: each rank sends every other rank a part. */
static void plan_exchange(job *j, const group *g, double chunk) {
    note_sends(j->plan, 1, (g->members - 1) * chunk, 0);
    for (int a = 0; a < g->chips; a++)
        for (int b = 0; b < g->chips; b++) {
            if (a == b) continue;
            double bytes = g->on[a] * g->on[b] * chunk;
            ts_torus_send(&j->torus, g->chip[a], g->chip[b], bytes);
            j->total += bytes;
        }
}

static void plan_pair(job *j, const int32_t *pair, double bytes) {
    int from = chip_of(j, pair[0]), to = chip_of(j, pair[1]);
    if (pair[0] == pair[1]) return;
    group g = {.members = 2, .chips = 1 + (from != to)};
    note_group(j, &g);
    note_sends(j->plan, 1, bytes, 0);
    if (from == to) return;
    ts_torus_send(&j->torus, from, to, bytes);
    j->total += bytes;
}

static void plan_group(job *j, unsigned kind, const group *g) {
    ts_cc_plan *plan = j->plan;
    double chunk = (double)plan->message / g->members;
    int passes = kind == ts_cc_all_reduce ? 2 : 1;
    note_group(j, g);
    if (g->members == 1) return;
    if (kind == ts_cc_all_to_all)
        plan_exchange(j, g, chunk);
    else if (kind == ts_cc_broadcast)
        plan_chain(j, g, (double)plan->message);
    else if (plan->algorithm == ts_cc_mesh)
        plan_mesh(j, g, chunk, passes);
    else
        plan_ring(j, g, chunk, passes);
}

/* A broadcast always takes the ring: in a mesh the chip of its one source would have to send to all
   others. */
static ts_cc_algorithm choose(const ts_chip *chip, unsigned kind, int64_t message) {
    if (kind == ts_cc_all_to_all || kind == ts_cc_permute) return ts_cc_direct;
    if (kind == ts_cc_broadcast) return ts_cc_ring;
    return (double)message <= chip->cc_mesh_max_bytes ? ts_cc_mesh : ts_cc_ring;
}

/* HBM traffic at both ends: what a rank sends is read, and what it receives is written or added. */
static void count_touches(const job *j, unsigned kind) {
    ts_cc_plan *plan = j->plan;
    double sent = plan->remote + plan->local, gather = j->chip->cc_gather_touches, touches = gather;
    if (kind == ts_cc_reduce_scatter) touches = j->chip->cc_reduce_touches;
    if (kind == ts_cc_all_reduce) touches = (gather + j->chip->cc_reduce_touches) / 2;
    plan->hbm_write = sent;
    plan->hbm_read = touches > 1 ? (touches - 1) * sent : 0;
}

static int64_t bytes_of(const ts_ap *ap) {
    return ap->dim[0].count.max * ts_dtype_get(ap->dtype)->bytes;
}

/* Where the constant's values are not known yet, groups are assumed to be of neighbouring ranks. */
static void plan_groups(job *j, unsigned kind, const int32_t *known, int64_t rows, int64_t size) {
    int32_t members[TS_MAX_RANKS];
    for (int64_t row = 0; row < rows && size <= TS_MAX_RANKS; row++) {
        for (int64_t i = 0; i < size; i++)
            members[i] = known ? known[row * size + i] : (int32_t)((row * size + i) % j->ranks);
        if (kind == ts_cc_permute) {
            plan_pair(j, members, (double)j->plan->message);
            continue;
        }
        group g = group_of(j, members, (int)size);
        plan_group(j, kind, &g);
    }
}

void ts_cc_plan_make(const ts_program *program, const ts_inst_collective *inst, const ts_chip *chip,
                     ts_cc_plan *plan) {
    const ts_tensor *groups = &program->tensors.data[inst->groups.tensor];
    int64_t dst = bytes_of(&inst->dst), src = bytes_of(&inst->src);
    *plan = (ts_cc_plan){.groups = (int32_t)groups->dim[0], .members = 1, .chips = 1, .channels = 1};
    plan->message = dst > src ? dst : src;
    plan->algorithm = choose(chip, inst->kind, plan->message);
    job j = {.chip = chip, .torus = ts_torus_of(chip), .plan = plan, .ranks = program->ranks};
    plan_groups(&j, inst->kind, groups->data, groups->dim[0], groups->dim[1]);
    if (plan->members == 1) {
        plan->algorithm = ts_cc_alone;
        plan->remote = (double)plan->message;
    }
    plan->link = ts_torus_busiest(&j.torus);
    plan->crossing = j.total / program->ranks;
    count_touches(&j, inst->kind);
}

ts_cc_cost ts_cc_cost_of(const ts_cc_plan *plan, const ts_chip *chip) {
    double rate = chip->cc_bytes_per_ns;
    if ((double)plan->message <= chip->cc_mesh_max_bytes && plan->algorithm != ts_cc_ring)
        rate = chip->cc_mesh_bytes_per_ns;
    if (plan->chips == 1) rate = chip->cc_pair_bytes_per_ns;
    double sends = plan->remote / rate, link = plan->link / chip->link_bytes_per_ns;
    double move = (link > sends ? link : sends) + plan->local / rate;
    double latency = (chip->cc_start_us + plan->steps * chip->cc_hop_us) * 1000;
    ts_cc_cost cost = {(ts_time)llround(latency * 1000), (ts_time)llround(move * 1000), ts_cc_limit_latency};
    if (cost.move > cost.latency) cost.limit = link > sends ? ts_cc_limit_link : ts_cc_limit_rank;
    return cost;
}
