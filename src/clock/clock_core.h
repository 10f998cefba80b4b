/* The clock's internal functions, by file. One sweep over the unrolled program in program order fetches
   instructions and finds what each waits for (clock_expand, clock_regions); an event loop gives them their
   times, earliest first (clock_lanes). clock_state.h has the data that they share.

   Every time is computed for several sets of constants at once. Set 0 is always the chip of the table and
   decides the order in which shared resources (ports, queues, DMA engines, HBM) serve their users; the other
   sets follow that order. All times are then maxima of sums over one fixed graph, so a chip with a slower
   part is never faster in total. The set asked for (clock->asked) is the one that the record reports. */
#ifndef TS_CLOCK_CLOCK_CORE_H
#define TS_CLOCK_CLOCK_CORE_H

#include <string.h>

#include "clock/clock_state.h"
#include "machine/vector.h"

/* Calls `function` with the number of sets as its last argument. Most runs have a band and thus three sets:
   with that number constant, the loops over sets in an inlined function unroll. */
#define TS_WITH_SETS(clock, function, ...)                                                                   \
    ((clock)->sets == 3 ? function(__VA_ARGS__, 3) : function(__VA_ARGS__, (clock)->sets))

/* clock_sites.c: the remembered accesses, by site. */
/* Makes the sites of all tiles and tensors. */
void ts_sites_init(ts_clock *clock);
/* The site that an operand names. */
ts_site *ts_sites_of(const ts_clock *clock, const ts_ap *ap);
/* The visit of this number. */
static inline ts_visit *ts_log_at(const ts_log *log, uint32_t number) {
    return &log->visits[number & (log->room - 1)];
}
/* Note for each site until which code position each engine may touch its bytes: the accesses of a code
   position, in program order, and then those of sites that share bytes. */
void ts_sites_note(const ts_clock *clock, uint32_t at);
void ts_sites_users(ts_clock *clock);
/* Makes a site live: gives it logs, and links it with the live sites that share bytes with it. */
void ts_site_wake(ts_clock *clock, ts_site *site);
/* The site's log of this engine (ts_engine_none: of transfers), with room for one more visit. */
ts_log *ts_sites_room(ts_clock *clock, ts_site *site, uint8_t engine, bool is_write);
/* Forgets a visit, which leaves an empty entry in its log. */
void ts_visit_drop(ts_clock *clock, ts_visit *visit);
/* Forget visits that nothing can wait for any more: a tick, due every few instructions, tries to put one live
   site to rest; a sweep looks at all sites. */
void ts_sites_tick(ts_clock *clock);
void ts_sites_sweep(ts_clock *clock);
/* Trims the site's logs. If nothing at the site can delay any engine that may still come, the site stops
   being live, and true is returned. */
bool ts_site_rest(ts_clock *clock, ts_site *site);

/* clock_reach.c: the bounds of what operands may touch. */
/* The bounds of an operand in `loop` (1 + its id; 0: none), the innermost loop around it. */
ts_reaches ts_reach_find(const ts_clock *clock, const ts_access *access, uint32_t loop);
/* Whether two operands may touch common bytes in some trips, and at least one of them writes. */
bool ts_reach_meets(const ts_reaches *a, const ts_reaches *b);

/* clock_cores.c: two clocks of one chip. */
/* Opens the clock of a core, whose sets have been made. `before` is the clock opened before it, or NULL. */
ts_status ts_cores_open(ts_clock *clock, ts_clock *before);
/* Runs all clocks to the end. */
ts_status ts_cores_run(ts_clock *const *clocks, int count);
/* Moves the state that cores share, HBM and the tree of instants, from the clock that has it to another. */
void ts_cores_hand_over(const ts_clock *from, ts_clock *to);
/* The part of this core's critical path that is charged to the sibling's instructions. ts_path_finish must
   have been called. */
ts_time ts_cores_other(const ts_clock *clock);
/* To be called when a core_signal or a core_wait is fetched: the n-th core_wait of a core depends on the n-th
   core_signal of its sibling. */
void ts_cores_signal(ts_clock *clock, ts_event *event);
void ts_cores_wait(ts_clock *clock, ts_event *event);

/* clock_slab.c: pools of items of one size. */
/* A new, zeroed item. */
__attribute__((cold)) void *ts_slab_more(ts_arena *arena, ts_slab *slab, size_t size);
/* An item, which is zeroed only if it is new. */
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
/* Items in block number `block`. Blocks start small and double, because small programs need few items. */
static inline uint32_t ts_slab_items(uint32_t block) {
    uint32_t doublings = block / TS_SLAB_EQUAL;
    return TS_SLAB_FEWEST << (doublings < TS_SLAB_DOUBLINGS ? doublings : TS_SLAB_DOUBLINGS);
}

/* clock_path.c: the critical path. */
/* The instant of the last byte of a transfer, or of a part of one (held once). The bytes move after `issued`,
   or after `from`, if not NULL: the instant at which whatever they waited for was free. */
ts_node *ts_node_move(ts_clock *clock, const ts_step *step, ts_node *issued, ts_node *from,
                      ts_time descriptors, ts_time bytes);
/* Replaces the charges of a node. The node takes ownership of `many`, which is malloc'ed. */
void ts_node_take(ts_node *node, ts_charge *many, uint32_t count);
static inline ts_node *ts_node_hold(ts_node *node) {
    if (node) node->refs++;
    return node;
}
/* Frees a node without references, and the ancestors that this leaves without any. */
void ts_node_end(ts_clock *clock, ts_node *node);
static inline void ts_node_drop(ts_clock *clock, ts_node *node) {
    if (node && --node->refs == 0) ts_node_end(clock, node);
}
/* Merges each chain of nodes that nobody else holds into one node. */
__attribute__((cold)) void ts_path_merge(ts_clock *clock);
/* A new node, held once. */
static inline ts_node *ts_node_take_new(ts_clock *clock, ts_node *parent, const ts_step *step,
                                        ts_cause_kind kind) {
    if (++clock->live_nodes > clock->node_limit) ts_path_merge(clock);
    ts_node *node = ts_slab_take(&clock->arena, &clock->nodes, sizeof *node);
    *node = (ts_node){.parent = ts_node_hold(parent), .step = step, .refs = 1, .kind = (uint8_t)kind};
    return node;
}
/* The instant that follows from a cause (held once). `extra` is one more charge after it (amount 0: none). */
static inline ts_node *ts_node_from(ts_clock *clock, const ts_cause *cause, ts_charge extra) {
    ts_cause_kind kind = cause->node ? (ts_cause_kind)cause->kind : ts_cause_other;
    ts_node *node = ts_node_take_new(clock, cause->node, cause->step, kind);
    node->row = extra.row;
    node->bound = (uint8_t)extra.bound;
    node->amount = extra.amount;
    return node;
}
/* The charges of a node: its own list, or what follows from its cause, which is written to `few`. */
const ts_charge *ts_node_charges(const ts_clock *clock, const ts_node *node, ts_charge few[TS_NODE_CHARGES],
                                 uint32_t *count);
/* Sets a cause, which takes over the reference to its node, and drops its old node. */
static inline void ts_cause_replace(ts_clock *clock, ts_cause *cause, ts_cause by) {
    ts_node *old = cause->node;
    *cause = by;
    ts_node_drop(clock, old);
}
/* Sets a cause to `node`, which it holds from now on, and drops its old node. */
static inline void ts_cause_set(ts_clock *clock, ts_cause *cause, ts_node *node, const ts_event *event,
                                ts_cause_kind kind) {
    ts_cause_replace(clock, cause, (ts_cause){ts_node_hold(node), event->step, event->sequence, kind});
}
/* The bound that is charged for holding an engine. */
ts_bound ts_step_bound(const ts_step *step);
/* The bound that is charged for moving bytes. */
ts_bound ts_step_bytes_bound(const ts_step *step);
/* Must be called before the first node is made. */
void ts_path_open(ts_clock *clock);
/* Adds all charges of the critical path, from the launch to the end of the run, to rows and bounds. */
void ts_path_finish(ts_clock *clock);
/* Frees what nodes have malloc'ed. */
void ts_path_free(ts_clock *clock);

/* clock_regions.c: what an access waits for. */
/* Adds the dependences of `event` for one access, and remembers the access. All reads of an event must come
   before its writes. */
void ts_regions_read(ts_clock *clock, ts_event *event, const ts_access *access);
void ts_regions_write(ts_clock *clock, ts_event *event, const ts_access *access);
/* The same for the first of `count` members of a burst, and for those after it up to the first that may wait
   for something else. Returns how many these are. */
uint32_t ts_regions_burst(ts_clock *clock, ts_event *event, const ts_member *members, uint32_t count);
/* Whether two places of one storage whose bounds meet have bytes in common, or may have. */
bool ts_places_conflict(ts_clock *clock, const ts_place *a, const ts_place *b);
/* Decides which logs the accesses of a step go to and search. The step's engine must be set. */
void ts_regions_open(const ts_clock *clock, ts_step *step);

/* clock_burst.c: instructions of TensorE that share an event. */
/* Whether an event stands for a burst. */
static inline bool ts_event_is_burst(const ts_clock *clock, const ts_event *event) {
    return event->burst && !clock->is_explicit;
}
/* The burst of such an event. */
static inline ts_burst *ts_burst_of(const ts_clock *clock, const ts_event *event) {
    return clock->bursts.data[event->burst - 1];
}
/* How many instructions an event stands for. */
static inline uint32_t ts_event_count(const ts_clock *clock, const ts_event *event) {
    return ts_event_is_burst(clock, event) ? ts_burst_of(clock, event)->count : 1;
}
/* How many more instructions may be fetched, up to TS_BURST_MOST: as many as if each had an event of its own.
 */
uint32_t ts_burst_room(ts_clock *clock);
/* Gives an event a burst of these members, at least two. */
void ts_burst_keep(ts_clock *clock, ts_event *event, const ts_member *members, uint32_t count);
/* Frees an event's burst. */
void ts_burst_end(ts_clock *clock, ts_event *event);
/* Moves `start` from the first member's to the last member's start. Takes over the reference to the node of
   the former; returns that of the latter (held). */
ts_node *ts_burst_start(ts_clock *clock, const ts_event *event, ts_node *node, ts_time *start);
/* Of an event that is done: sets `ready` to when the result of the member that has `later` members behind it
   is there, in each set. */
void ts_burst_ready(const ts_clock *clock, const ts_event *event, uint32_t later, ts_time *ready);
/* Why somebody who waits for that result is not earlier; the node is held. */
ts_cause ts_burst_cause(ts_clock *clock, const ts_event *event, uint32_t later);
/* Whether a member's reads, or writes, of the site of `like` touch bytes of a place of its storage. */
bool ts_member_meets(ts_clock *clock, const ts_member *member, const ts_access *like, const ts_place *place);
/* How many members are behind the last one whose reads, or writes, of the site of `like` touch bytes of a
   place of its storage; the number of members if there is none. */
uint32_t ts_burst_find(ts_clock *clock, const ts_event *event, const ts_access *like, const ts_place *place);

/* clock_shapes.c: the shape of a resolved operand. */
const ts_shape *ts_shape_of(ts_clock *clock, const ts_ref *ref);
/* clock_slots.c: which storages are accessed slot by slot. Every operand must be noted. */
void ts_slots_note(const ts_clock *clock, const ts_access *access);

/* clock_steps.c: the costs of an instruction with these operands, found once for each choice of counts. */
ts_step *ts_step_find(ts_clock *clock, ts_code *code, const ts_inst *inst, const ts_operands *operands);

/* clock_semaphores.c: the waits of programs with sync=explicit. */
void ts_semaphores_init(ts_clock *clock);
/* Adds the dependence of an instruction on the signal that it waits for, and remembers the signal that it
   will give. Instructions must come in program order. */
void ts_semaphores_fetch(ts_clock *clock, ts_event *event, const ts_inst *inst);
/* To be called when a signalling event has its times: it may take effect only after earlier signals. */
void ts_semaphores_signal(ts_clock *clock, ts_event *event);

/* Follows the innermost loop (1 + its id; 0: none) through the code, one instruction after the other. */
static inline void ts_loop_follow(const ts_program *program, const ts_inst *inst, uint32_t *loop) {
    if (inst->op == ts_op_loop) *loop = 1 + ((const ts_inst_loop *)inst)->id;
    if (inst->op == ts_op_end) *loop = program->loops.data[((const ts_inst_end *)inst)->id].parent;
}

/* clock_prepare.c: before the first instruction. */
ts_status ts_clock_prepare(ts_clock *clock);

/* clock_expand.c: walks the program in order. */
/* Notes that code before position `at` will not be fetched any more. */
void ts_expand_since(ts_clock *clock, uint32_t at);
/* Fetches the next instruction into its lane. At the end of the program, sets *is_end and fetches nothing. */
ts_status ts_expand_next(ts_clock *clock, bool *is_end);
/* The storage of an access. */
static inline ts_storage *ts_access_storage(const ts_clock *clock, const ts_access *access) {
    return &clock->storages[access->site->storage];
}
/* The byte of its storage at which an operand's tensor begins; offsets in SBUF and PSUM count from their
 * begin. */
static inline int64_t ts_access_shift(const ts_access *access) {
    return access->ap->space == ts_space_hbm ? access->site->lo : 0;
}

/* clock_lanes.c: the event loop. */
TS_INLINE void ts_times_copy(ts_times *to, const ts_times *from, int sets) {
    for (int k = 0; k < sets; k++)
        to->at[k] = from->at[k];
}
/* A new event of `step`, held once, with all its times 0. */
static inline ts_event *ts_event_new(ts_clock *clock, const ts_step *step) {
    size_t size = sizeof(ts_event) + (size_t)clock->sets * sizeof(ts_event_times);
    ts_event *event =
        ts_slab_take(&clock->arena, &clock->events, (size + TS_SLAB_LINE - 1) / TS_SLAB_LINE * TS_SLAB_LINE);
    *event = (ts_event){.step = step, .refs = 1};
    for (int k = 0; k < clock->sets; k++)
        event->of[k] = (ts_event_times){{0}, 0};
    return event;
}
/* Makes `consumer` wait for `producer`; of a burst, for the member that has `later` members behind it. */
void ts_event_depend(ts_clock *clock, ts_event *consumer, ts_event *producer, ts_wait wait, uint32_t later);
/* Frees an event without references. */
void ts_event_end(ts_clock *clock, ts_event *event);
static inline void ts_event_drop(ts_clock *clock, ts_event *event) {
    if (--event->refs == 0) ts_event_end(clock, event);
}
/* Appends an event to the lane of its engine. */
void ts_lanes_push(ts_clock *clock, ts_event *event);
/* Gives one instruction, or one triggered transfer, its times. Something must be pending. */
void ts_lanes_step(ts_clock *clock);
/* When the next such step would start, with the table's constants; INT64_MAX: nothing can start. */
ts_time ts_lanes_time(ts_clock *clock);
/* To be called after times were changed: forgets which instruction or transfer goes next. */
void ts_lanes_forget(ts_clock *clock);

/* clock_dma.c: the DMA engines and HBM. */
/* Moves a transfer. `times` is when its first byte is ready to move, and becomes when the last byte has
   moved. In the set asked for, also returns when the first byte moves and the last byte's node (held). */
void ts_dma_move(ts_clock *clock, const ts_step *step, ts_node *issued, ts_times *times, ts_time *first,
                 ts_node **last_byte);

/* Passes bytes through HBM, which takes `time` from `arrival` on, or from when HBM is free. Returns the end;
   in the set asked for, *node is its node (not held). */
ts_time ts_dma_pass_hbm(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time arrival,
                        ts_node *issued, bool is_share, ts_node **node);
/* Whether the bytes move sooner at their core's share of HBM's rate than after all bytes of both cores. */
bool ts_dma_takes_share(const ts_clock *clock, ts_time time, ts_time arrival);

/* Occupies every DMA engine for `time`, from `start` on or from when the engine is free. */
void ts_dma_take(ts_clock *clock, const ts_step *step, int k, ts_time time, ts_time start, ts_node *issued);

/* clock_collective.c: collectives. */
/* Sets the costs of a collective's step. */
void ts_collective_costs(ts_clock *clock, ts_step *step, const ts_inst *inst);
/* Runs the next piece of a collective, from the time `start` in each set; clock->ring_free of the stream
   becomes the piece's end. Returns false after the last piece. */
bool ts_collective_move(ts_clock *clock, ts_event *event, ts_node *issued, const ts_time *start);

/* clock_tally.c: totals. */
/* Add an interval to a union of intervals; its length so far. */
void ts_union_add(ts_union *set, ts_time start, ts_time end);
ts_time ts_union_length(const ts_union *set);
/* Keeps a slice, up to the cap. Its times exclude the launch; the fields of the event are filled in. */
void ts_tally_slice(ts_clock *clock, const ts_event *event, ts_slice slice);
/* Notes which assumptions a step leans on, at its first execution. Its totals follow at the end. */
void ts_tally_first(ts_clock *clock, const ts_inst *inst, ts_step *step);
/* Counts an execution for the timeline. */
void ts_tally_life(ts_clock *clock, const ts_step *step);
/* Counts the load of a function table. */
void ts_tally_table(ts_clock *clock, const ts_event *event);
/* Gives the record the clock's rows, with only the time of function tables in them. */
void ts_tally_open_rows(ts_clock *clock);
/* Fills in all totals of the record. */
void ts_tally_finish(ts_clock *clock);

/* clock_series.c: the timeline in bins. Times exclude the launch unless stated. Without bins, no function has
   an effect except ts_series_path. */
void ts_series_init(ts_clock *clock, uint32_t bins);
void ts_series_busy(ts_clock *clock, unsigned engine, ts_time start, ts_time end, int engines);
void ts_series_transpose(ts_clock *clock, ts_time start, ts_time end);
void ts_series_collective(ts_clock *clock, ts_time start, ts_time end);
void ts_series_bytes(ts_clock *clock, ts_time start, ts_time end, uint64_t bytes);
void ts_series_live(ts_clock *clock, uint32_t inst, ts_time start, ts_time end);
/* Adds a stretch of the critical path. Stretches come in order of time, and their times include the launch.
   The charge's amount is less than the stretch's length if several charges share the stretch. */
void ts_series_path(ts_clock *clock, ts_time start, ts_time end, const ts_charge *charge);

#endif
