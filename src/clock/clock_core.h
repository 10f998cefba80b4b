/* The clock's inside, by files. One sweep over the unrolled program in program order fetches instructions and
   finds what each waits for (clock_expand, clock_regions); an event loop gives them their times, earliest
   first (clock_lanes). clock_state.h has the data that they share.

   Every time exists in several sets of constants at once: set 0 is always the chip of the table and
   decides the order in which shared things (ports, queues, DMA engines, HBM) serve their users; the others
   follow that order. All times are then maxima of sums over one fixed graph, so a chip with a slower part is
   never faster in total. */
#ifndef TS_CLOCK_CLOCK_CORE_H
#define TS_CLOCK_CLOCK_CORE_H

#include <string.h>

#include "clock/clock_state.h"
#include "machine/vector.h"

/* Calls `function` with the number of sets behind its other arguments. Runs have a band as a rule: inlined,
   loops over three sets unroll. */
#define TS_WITH_SETS(clock, function, ...)                                                                   \
    ((clock)->sets == 3 ? function(__VA_ARGS__, 3) : function(__VA_ARGS__, (clock)->sets))

/* clock_sites.c: the accesses that are remembered, by site. */
void ts_sites_init(ts_clock *clock);
/* The site of an operand. */
ts_site *ts_sites_of(const ts_clock *clock, const ts_ap *ap);
static inline ts_visit *ts_log_at(const ts_log *log, uint32_t number) {
    return &log->visits[number & (log->room - 1)];
}
void ts_sites_users(ts_clock *clock);
/* A live site knows the other live ones that share bytes with it. */
void ts_site_wake(ts_clock *clock, ts_site *site);
/* A log of the engine (none: of transfers), that has room for one more visit. */
ts_log *ts_sites_room(ts_clock *clock, ts_site *site, uint8_t engine, bool is_write);
/* Forgets a visit that stays where it is in its log. */
void ts_visit_drop(ts_clock *clock, ts_visit *visit);
/* Whether nothing can wait for it any more is looked at again: at a live site now and then, and everywhere.
 */
void ts_sites_tick(ts_clock *clock);
void ts_sites_sweep(ts_clock *clock);
/* Nothing at the site can delay any engine that may still come: it is empty from now on. */
bool ts_site_rest(ts_clock *clock, ts_site *site);

/* clock_reach.c: what operands may touch. */
void ts_reach_find(ts_clock *clock);
/* Whether they may meet, and one of them writes. */
bool ts_reach_meets(const ts_clock *clock, ts_reaches *a, ts_reaches *b);

/* clock_cores.c: two clocks of one chip. Both have their sets; they are opened in turn. */
ts_status ts_cores_open(ts_clock *clock, ts_clock *before);
/* Runs all of them. */
ts_status ts_cores_run(ts_clock *const *clocks, int count);
/* HBM and the tree of instants go from the clock that had them to the one that needs them. */
void ts_cores_hand_over(const ts_clock *from, ts_clock *to);
/* What the sibling's rows hold of the path, which has been added up. */
ts_time ts_cores_other(const ts_clock *clock);
/* A core_signal or core_wait is fetched: the latter depends on the sibling's signal of its number. */
void ts_cores_signal(ts_clock *clock, ts_event *event);
void ts_cores_wait(ts_clock *clock, ts_event *event);

/* clock_slab.c: items as they were given back, or zeroed when new. */
__attribute__((cold)) void *ts_slab_more(ts_arena *arena, ts_slab *slab, size_t size);
static inline void *ts_slab_take(ts_arena *arena, ts_slab *slab, size_t size) {
    void *item = slab->free;
    if (!item) return ts_slab_more(arena, slab, size);
    memcpy(&slab->free, item, sizeof slab->free);
    __builtin_prefetch(slab->free, 1);
    return item;
}
static inline void ts_slab_give(ts_slab *slab, void *item) {
    memcpy(item, &slab->free, sizeof slab->free);
    slab->free = item;
}
/* Items of a block: small programs need few. */
static inline uint32_t ts_slab_items(uint32_t block) {
    uint32_t doublings = block / TS_SLAB_EQUAL;
    return TS_SLAB_FEWEST << (doublings < TS_SLAB_DOUBLINGS ? doublings : TS_SLAB_DOUBLINGS);
}

/* clock_path.c: the critical path. */
/* The last byte of a transfer, or of a part: from `issued`, or behind `from` where that is not NULL. */
ts_node *ts_node_move(ts_clock *clock, const ts_step *step, ts_node *issued, ts_node *from,
                      ts_time descriptors, ts_time bytes);
/* From now on its charges are these, malloc'ed. */
void ts_node_take(ts_node *node, ts_charge *many, uint32_t count);
static inline ts_node *ts_node_hold(ts_node *node) {
    if (node) node->refs++;
    return node;
}
/* Nobody refers to it any more. */
void ts_node_end(ts_clock *clock, ts_node *node);
static inline void ts_node_drop(ts_clock *clock, ts_node *node) {
    if (node && --node->refs == 0) ts_node_end(clock, node);
}
/* Chains of nodes that nobody else holds become one each. */
__attribute__((cold)) void ts_path_merge(ts_clock *clock);
static inline ts_node *ts_node_take_new(ts_clock *clock, ts_node *parent, const ts_step *step,
                                        ts_cause_kind kind) {
    if (++clock->live_nodes > clock->node_limit) ts_path_merge(clock);
    ts_node *node = ts_slab_take(&clock->arena, &clock->nodes, sizeof *node);
    *node = (ts_node){.parent = ts_node_hold(parent), .step = step, .refs = 1, .kind = (uint8_t)kind};
    return node;
}
/* The instant that follows from a cause; `extra` (amount 0: none) comes after it. */
static inline ts_node *ts_node_from(ts_clock *clock, const ts_cause *cause, ts_charge extra) {
    ts_cause_kind kind = cause->node ? (ts_cause_kind)cause->kind : ts_cause_other;
    ts_node *node = ts_node_take_new(clock, cause->node, cause->step, kind);
    node->row = extra.row;
    node->bound = (uint8_t)extra.bound;
    node->amount = extra.amount;
    return node;
}
/* Its charges: its own, or found and written to `few`. */
const ts_charge *ts_node_charges(const ts_clock *clock, const ts_node *node, ts_charge few[TS_NODE_CHARGES],
                                 uint32_t *count);
static inline void ts_cause_set(ts_clock *clock, ts_cause *cause, ts_node *node, const ts_event *event,
                                ts_cause_kind kind) {
    ts_node *old = cause->node;
    *cause = (ts_cause){ts_node_hold(node), event->step, event->sequence, kind};
    ts_node_drop(clock, old);
}
/* What holding an engine is charged to. */
ts_bound ts_step_bound(const ts_step *step);
/* And what moving bytes is. */
ts_bound ts_step_bytes_bound(const ts_step *step);
/* Before the first node. */
void ts_path_open(ts_clock *clock);
/* Adds the charges from the launch to the end of the run to rows and bounds. */
void ts_path_finish(ts_clock *clock);
void ts_path_free(ts_clock *clock);

/* clock_regions.c: what an access waits for. */
/* Adds the dependences of `event` for one access and remembers it. All reads of an event come before its
 * writes. */
void ts_regions_read(ts_clock *clock, ts_event *event, const ts_access *access);
void ts_regions_write(ts_clock *clock, ts_event *event, const ts_access *access);
/* Where accesses of the step, which has its engine, look. */
void ts_regions_open(const ts_clock *clock, ts_step *step);

/* clock_shapes.c: the shape of a resolved operand. */
const ts_shape *ts_shape_of(ts_clock *clock, const ts_ref *ref);
/* After the storages are found: which are accessed slot by slot (clock_slots.c). */
void ts_slots_find(ts_clock *clock);

/* clock_steps.c: the costs of an instruction with these operands. */
ts_step *ts_step_find(ts_clock *clock, ts_code *code, const ts_inst *inst, const ts_operands *operands);

/* clock_semaphores.c: what programs with sync=explicit wait for. */
void ts_semaphores_init(ts_clock *clock);
/* What an instruction, in the order of the program, waits for and will signal. */
void ts_semaphores_fetch(ts_clock *clock, ts_event *event, const ts_inst *inst);
/* The event, which signals, has its times. */
void ts_semaphores_signal(ts_clock *clock, ts_event *event);

/* clock_expand.c: the program in order. */
/* What may still be fetched begins at this position. */
void ts_expand_since(ts_clock *clock, uint32_t at);
ts_status ts_expand_init(ts_clock *clock);
/* Fetches the next instruction into its lane; *is_end at the end of the program. */
ts_status ts_expand_next(ts_clock *clock, bool *is_end);
/* The storage of an access, and where its tensor lies in it. */
void ts_access_place(const ts_clock *clock, ts_access *access);

/* clock_lanes.c: the event loop. */
TS_INLINE void ts_times_copy(ts_times *to, const ts_times *from, int sets) {
    for (int k = 0; k < sets; k++)
        to->at[k] = from->at[k];
}
/* Of `step`, held once, with all its times 0. */
static inline ts_event *ts_event_new(ts_clock *clock, const ts_step *step) {
    size_t size = sizeof(ts_event) + (size_t)clock->sets * sizeof(ts_event_times);
    ts_event *event =
        ts_slab_take(&clock->arena, &clock->events, (size + TS_SLAB_LINE - 1) / TS_SLAB_LINE * TS_SLAB_LINE);
    *event = (ts_event){.step = step, .refs = 1};
    for (int k = 0; k < clock->sets; k++)
        event->of[k] = (ts_event_times){{0}, 0};
    return event;
}
void ts_event_depend(ts_clock *clock, ts_event *consumer, ts_event *producer, ts_wait wait);
/* Nobody refers to it any more. */
void ts_event_end(ts_clock *clock, ts_event *event);
static inline void ts_event_drop(ts_clock *clock, ts_event *event) {
    if (--event->refs == 0) ts_event_end(clock, event);
}
void ts_lanes_push(ts_clock *clock, ts_event *event);
/* Gives one instruction, or one triggered transfer, its times. Something must be pending. */
void ts_lanes_step(ts_clock *clock);
/* When that would start, with the table's constants. */
ts_time ts_lanes_time(ts_clock *clock);
/* Times have changed: what goes next is looked for again. */
void ts_lanes_forget(ts_clock *clock);

/* clock_dma.c: moves a transfer whose first bytes arrive at `times` (in: arrival, out: last byte); in the set
   asked for also the time of its first byte and the node of its last (counted). */
void ts_dma_move(ts_clock *clock, const ts_step *step, ts_node *issued, ts_times *times, ts_time *first,
                 ts_node **last_byte);

/* The end of the way of some bytes through HBM, which take it `time`; in the set asked for its node, not
 * counted. */
ts_time ts_dma_pass_hbm(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time arrival,
                        ts_node *issued, bool is_share, ts_node **node);
/* Whether they get their core's share of the rate beside a core that keeps HBM busy. */
bool ts_dma_takes_share(const ts_clock *clock, ts_time time, ts_time arrival);

/* Every DMA engine is at something else from `start`, or from when it is free, for a time. */
void ts_dma_take(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time start, ts_node *issued);

/* clock_collective.c: what of a collective happens next, on its way from the stream's `free`; false: it is
   over, and the stream free again, at the end of the last one. */
void ts_collective_costs(ts_clock *clock, ts_step *step, const ts_inst *inst);
bool ts_collective_move(ts_clock *clock, ts_event *event, ts_node *issued, const ts_time *start);

/* clock_tally.c: totals. */
void ts_union_add(ts_union *set, ts_time start, ts_time end);
ts_time ts_union_length(const ts_union *set);
/* Times without the launch; the event's own fields are filled in. */
void ts_tally_slice(ts_clock *clock, const ts_event *event, ts_slice slice);
/* The first execution of a step, and of each for the timeline; what all of them add up to is found at the
   end. */
void ts_tally_first(ts_clock *clock, const ts_inst *inst, ts_step *step);
void ts_tally_life(ts_clock *clock, const ts_step *step);
void ts_tally_table(ts_clock *clock, const ts_event *event);
/* The record has the rows of the clock from here on, without anything in them. */
void ts_tally_open_rows(ts_clock *clock);
void ts_tally_finish(ts_clock *clock);

/* clock_series.c: the timeline in bins. Times without the launch; no effect when no bins were asked for. */
void ts_series_init(ts_clock *clock, uint32_t bins);
void ts_series_busy(ts_clock *clock, unsigned engine, ts_time start, ts_time end, int engines);
void ts_series_transpose(ts_clock *clock, ts_time start, ts_time end);
void ts_series_collective(ts_clock *clock, ts_time start, ts_time end);
void ts_series_bytes(ts_clock *clock, ts_time start, ts_time end, uint64_t bytes);
void ts_series_live(ts_clock *clock, uint32_t inst, ts_time start, ts_time end);
/* A stretch of the critical path, in order of time and launch included; `amount` of its length is the
   charge's: less than all of it where several share the stretch. */
void ts_series_path(ts_clock *clock, ts_time start, ts_time end, const ts_charge *charge);

#endif
