/* Collectives. The stream of a core's CC-cores serves them in the order of their triggers. After the time to
   its first byte, a collective passes its bytes through HBM in pieces, interleaved with the core's transfers,
   so that neither has HBM to itself for long. Two pieces are under way at once
   (intranode-collective-comm.rst:80): a piece may pass HBM as late as the end of the next one without
   delaying the collective. All ranks of a program do the same at the same time, so the time of one rank is
   the time of the group. */
#include "clock/clock_core.h"

/* The most time of a piece, in picoseconds, unless that makes too many pieces. It holds HBM for about half of
 * it. */
static const ts_time PIECE = 2000000;
enum { MOST_PIECES = 256 }; /* of one collective */

/* Whether two chips have the same topology, limits and accesses per byte, and thus the same plan. */
static bool is_alike(const ts_chip *a, const ts_chip *b) {
    return a->torus_rows == b->torus_rows && a->torus_columns == b->torus_columns && a->cores == b->cores &&
           a->cc_mesh_max_bytes == b->cc_mesh_max_bytes && a->cc_gather_touches == b->cc_gather_touches &&
           a->cc_reduce_touches == b->cc_reduce_touches;
}

static void set_amounts(ts_step *step, const ts_cc_plan *plan) {
    step->amounts.bytes = plan->message;
    step->amounts.hbm_read_bytes = (int64_t)plan->hbm_read;
    step->amounts.hbm_write_bytes = (int64_t)plan->hbm_write;
    step->link_bytes = (int64_t)plan->crossing;
}

void ts_collective_costs(ts_clock *clock, ts_step *step, const ts_inst *inst) {
    ts_cc_plan plan;
    for (int k = 0; k < clock->sets; k++) {
        const ts_chip *chip = &clock->chip[k];
        if (k == 0 || !is_alike(chip, chip - 1))
            ts_cc_plan_make(clock->program, (const ts_inst_collective *)inst, chip, &plan);
        ts_cc_cost cost = ts_cc_cost_of(&plan, chip);
        double hbm = chip->hbm_bytes_per_ns / ts_hbm_sharers(clock->program, chip);
        step->of[k].start_time = cost.latency;
        step->of[k].move_time = cost.move;
        step->of[k].pass_time = (ts_time)((plan.hbm_read + plan.hbm_write) / hbm * 1000);
        double engines =
            chip->dma_engine_bytes_per_ns * chip->dma_engines; /* these read all operands of the sums */
        step->of[k].engine_time =
            chip->cc_dma_engines_are_own != 0 ? 0 : (ts_time)(plan.hbm_read / engines * 1000);
        if (k == clock->asked) set_amounts(step, &plan);
    }
    ts_time pieces = (step->of[0].move_time + PIECE - 1) / PIECE;
    step->pieces = (uint16_t)(pieces < 1 ? 1 : pieces > MOST_PIECES ? MOST_PIECES : pieces);
}

/* The time of piece `at` (from 1) of `pieces`, which together take `whole`. */
static ts_time part(ts_time whole, uint32_t at, uint32_t pieces) {
    return whole * at / pieces - whole * (at - 1) / pieces;
}

/* Sets when the stream is free, and in the set asked for why; takes over the reference to `node`. */
static void set_stream(ts_clock *clock, int k, ts_time until, ts_node *node) {
    clock->ring_free[clock->stream].at[k] = until;
    if (k != clock->asked) return;
    ts_node_drop(clock, clock->ring_node[clock->stream]);
    clock->ring_node[clock->stream] = node;
}

/* Sets the node of moving.passed; takes over the reference. */
static void set_passed(ts_clock *clock, ts_node *node) {
    ts_node_drop(clock, clock->moving.node);
    clock->moving.node = node;
}

/* Ends a piece at `own` or, if that is later, when the piece before it has passed HBM. Takes over `node`. */
static void end_piece(ts_clock *clock, int k, ts_time own, ts_node *node) {
    ts_time passed = clock->moving.passed.at[k];
    if (passed > own && k == clock->asked) {
        ts_node_drop(clock, node);
        node = ts_node_hold(clock->moving.node);
    }
    set_stream(clock, k, passed > own ? passed : own, node);
}

static void wait_for_first_byte(ts_clock *clock, const ts_step *step, ts_node *issued, const ts_time *start) {
    clock->moving.start = start[clock->asked];
    for (int k = 0; k < clock->sets; k++) {
        ts_time time = step->of[k].start_time;
        set_stream(clock, k, start[k] + time,
                   k == clock->asked ? ts_node_move(clock, step, issued, NULL, 0, time) : NULL);
    }
}

static void move_piece(ts_clock *clock, const ts_step *step, ts_node *issued, const ts_time *start) {
    uint32_t at = clock->moving.pieces;
    bool is_share = ts_dma_takes_share(clock, part(step->of[0].pass_time, at, step->pieces), start[0]);
    for (int k = 0; k < clock->sets; k++) {
        ts_time own = part(step->of[k].move_time, at, step->pieces);
        ts_time pass = part(step->of[k].pass_time, at, step->pieces);
        bool is_asked = k == clock->asked;
        end_piece(clock, k, start[k] + own,
                  is_asked ? ts_node_move(clock, step, issued, NULL, 0, own) : NULL);
        if (step->of[0].pass_time > 0) {
            ts_node *node;
            clock->moving.passed.at[k] =
                ts_dma_pass_hbm(clock, step, k, pass, start[k], issued, is_share, &node);
            if (is_asked) set_passed(clock, ts_node_hold(node));
        }
        ts_time taken = part(step->of[k].engine_time, at, step->pieces);
        if (taken > 0 || step->of[clock->asked].engine_time > 0)
            ts_dma_take(clock, step, k, taken, start[k], issued);
        if (at < step->pieces) continue;
        ts_node *stream = clock->ring_node[clock->stream];
        end_piece(clock, k, clock->ring_free[clock->stream].at[k], is_asked ? ts_node_hold(stream) : NULL);
        clock->moving.passed.at[k] = 0;
        if (is_asked) set_passed(clock, NULL);
    }
}

/* Shows a collective that is over as one slice. */
static void show(ts_clock *clock, const ts_event *event, ts_time until) {
    ts_time start = clock->moving.start;
    ts_slice slice = {.start = start,
                      .end = until,
                      .wait = start - event->of[clock->asked].earliest,
                      .after = (uint32_t)event->sequence,
                      .lane = TS_LANE_COLLECTIVE,
                      .waited = ts_waited_queue};
    const ts_amounts *amounts = &event->step->amounts;
    ts_tally_slice(clock, event, slice);
    ts_series_bytes(clock, start, until, (uint64_t)(amounts->hbm_read_bytes + amounts->hbm_write_bytes));
    ts_series_collective(clock, start, until);
    ts_series_live(clock, event->step->inst, start, until);
}

bool ts_collective_move(ts_clock *clock, ts_event *event, ts_node *issued, const ts_time *start) {
    const ts_step *step = event->step;
    if (clock->moving.pieces == 0)
        wait_for_first_byte(clock, step, issued, start);
    else
        move_piece(clock, step, issued, start);
    ts_time until = clock->ring_free[clock->stream].at[clock->asked];
    clock->record->collective_busy += until - start[clock->asked];
    if (++clock->moving.pieces <= step->pieces) return true;
    clock->moving.pieces = 0;
    if (clock->is_shown) show(clock, event, until);
    return false;
}
