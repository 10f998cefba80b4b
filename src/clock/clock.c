/* The entry points of the clock: make the sets of constants, run, and fill the record. */
#include "clock/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"
#include "clock/clock_core.h"

static const uint64_t DEFAULT_INSTRUCTION_CAP = 1000000000;

/* Nanoseconds as picoseconds. */
static ts_time nanoseconds(double value) {
    return (ts_time)llround(value * 1000);
}

/* Adds a set. In every set, chip[k].dma_engines is the table's, so that a transfer has the same shares in all
   sets; clock->dma_engines[k] is the chip's own number. */
static void add_set(ts_clock *clock, const ts_chip *chip) {
    int k = clock->sets++;
    clock->chip[k] = *chip;
    clock->chip[k].dma_engines = clock->chip[0].dma_engines;
    for (uint8_t engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        ts_engine_cost cost = ts_engine_cost_get(chip, engine);
        clock->dependent[k][engine] = ts_cycles_time(cost.dependent_cycles, cost.ghz);
    }
    clock->semaphore[k] = nanoseconds(chip->semaphore_ns);
    clock->first_byte[k] = nanoseconds(chip->dma_first_byte_ns);
    clock->completion[k] = nanoseconds(chip->dma_completion_ns);
    clock->queue_floor[k] = nanoseconds(chip->dma_queue_floor_ns);
    clock->table_load[k] = nanoseconds(chip->act_table_load_ns);
    clock->launch[k] = nanoseconds(chip->launch_us * 1000);
    clock->dma_engines[k] = (int)chip->dma_engines;
    if (clock->dma_engines[k] > clock->most_engines) clock->most_engines = clock->dma_engines[k];
    clock->has_free_ports[k] = chip->ports_are_shared == 0;
}

/* Zeroes the constants that the what-if of set k makes free. */
static void free_constants(ts_clock *clock, int k) {
    uint32_t free = clock->what_if[k].free;
    if (free & 1u << ts_bound_wait) clock->semaphore[k] = 0;
    if (free & 1u << ts_bound_dma_latency) clock->first_byte[k] = clock->completion[k] = 0;
    if (free & 1u << ts_bound_dma_queue) clock->queue_floor[k] = 0;
    if (free & (1u << ts_bound_scalar | TS_FREE_TABLES)) clock->table_load[k] = 0;
    if (free & 1u << ts_bound_launch) clock->launch[k] = 0;
    if (free & TS_FREE_PORTS) clock->has_free_ports[k] = true;
}

static ts_status add_what_ifs(ts_clock *clock, const ts_chip *chip, const ts_clock_options *options) {
    int count = options->what_if_count;
    if (count < 0 || count > TS_WHAT_IFS || (count && options->band))
        return ts_fail(clock->diag, ts_usage, "the clock takes up to %d what-ifs, and no band with them",
                       TS_WHAT_IFS);
    clock->has_what_ifs = count > 0;
    for (int i = 0; i < count; i++) {
        const ts_what_if *what_if = &options->what_ifs[i];
        add_set(clock, what_if->chip ? what_if->chip : chip);
        clock->what_if[clock->sets - 1] = *what_if;
        clock->frees_reuse |= (what_if->free & TS_FREE_REUSE) != 0;
        free_constants(clock, clock->sets - 1);
    }
    return ts_ok;
}

/* Whether some parameter differs from the table. */
static bool is_edited(const ts_chip *chip) {
    for (int i = 0; i < ts_param_count(); i++)
        if (ts_param_value(chip, i) != ts_param_of(chip, i)->value) return true;
    return false;
}

static ts_status make_sets(ts_clock *clock, const ts_chip *chip, const ts_clock_options *options) {
    ts_chip table;
    clock->chip = TS_NEW_ARRAY(&clock->arena, ts_chip, options->what_if_count ? TS_CLOCK_SETS : 4);
    TS_TRY(ts_chip_get(chip->name, &table, clock->diag));
    if (chip->dma_queues < 1 || chip->dma_queues > TS_CLOCK_RINGS || chip->dma_engines < 1 ||
        chip->dma_engines > TS_CLOCK_DMA_ENGINES || chip->dma_rows_per_engine < 1 || chip->list_window < 1)
        return ts_fail(clock->diag, ts_input,
                       "chip %s: 1 to %d DMA engines, at least one queue and a list of at least one "
                       "instruction are needed",
                       chip->name, TS_CLOCK_DMA_ENGINES);
    add_set(clock, &table);
    if (is_edited(chip)) {
        clock->asked = clock->sets;
        add_set(clock, chip);
    }
    for (int corner = 0; options->band && corner < 2; corner++) {
        ts_chip edge;
        ts_chip_corner(chip, corner == 0, &edge);
        add_set(clock, &edge);
    }
    return ts_ok;
}

/* Makes the arrays of all queues and DMA engines. */
static void make_queues(ts_clock *clock) {
    ts_arena *arena = &clock->arena;
    size_t queues = (size_t)clock->queues, rings = queues, engines = (size_t)clock->most_engines;
    for (int k = 0; k < clock->sets; k++) {
        size_t most = (size_t)clock->chip[k].dma_queues;
        if (most > rings) rings = most;
        clock->ring_of[k] = TS_NEW_ARRAY(arena, uint16_t, queues);
        for (size_t queue = 0; queue < queues; queue++)
            clock->ring_of[k][queue] = (uint16_t)(queue % most);
        if (clock->stream >= 0) clock->ring_of[k][clock->stream] = (uint16_t)clock->stream;
    }
    clock->ring = TS_NEW_ARRAY(arena, ts_lane, queues);
    clock->ring_list = TS_NEW_ARRAY(arena, uint16_t, queues);
    clock->queue = TS_NEW_ARRAY(arena, ts_record_queue, queues);
    clock->steady.queue = TS_NEW_ARRAY(arena, ts_record_queue, queues);
    clock->queue_end = TS_NEW_ARRAY(arena, ts_time, queues);
    clock->ring_free = TS_NEW_ARRAY(arena, ts_times, rings);
    clock->ring_node = TS_NEW_ARRAY(arena, ts_node *, rings);
    clock->dma_free = TS_NEW_ARRAY(arena, ts_times, engines);
    clock->dma_node = TS_NEW_ARRAY(arena, ts_node *, engines);
}

/* Fills the record of a core, whose clock must have the state that cores share. */
static void fill(ts_clock *clock, bool has_band, int what_ifs) {
    ts_record *record = clock->record;
    record->total = record->launch + clock->end.at[clock->asked];
    record->total_low = record->total_high = record->total;
    if (has_band) {
        int low = clock->sets - 2, high = clock->sets - 1;
        record->total_low = clock->launch[low] + clock->end.at[low];
        record->total_high = clock->launch[high] + clock->end.at[high];
    }
    for (int i = 0; i < what_ifs; i++) {
        int k = clock->sets - what_ifs + i;
        record->what_if[i] = clock->launch[k] + clock->end.at[k];
    }
    ts_tally_open_rows(clock);
    ts_path_finish(clock);
    record->other_core = ts_cores_other(clock);
    ts_tally_finish(clock);
    record->model_flops = clock->used_control ? record->pe_flops : clock->program->model_flops;
}

/* A run. It is kept apart from the clocks, so that their memory can be freed wherever the run ended. */
typedef struct job {
    ts_clock *clock[TS_CLOCK_CORES];
    const ts_clock_core *cores;
    int count;
    const ts_chip *chip;
    ts_diag *diag;
} job;

static const ts_clock_options *options_of(const job *j, int core) {
    static const ts_clock_options defaults = {0};
    return j->cores[core].options ? j->cores[core].options : &defaults;
}

static void set_options(ts_clock *clock, const ts_clock_options *options) {
    clock->instruction_cap = options->instruction_cap ? options->instruction_cap : DEFAULT_INSTRUCTION_CAP;
    clock->slice_cap = options->slice_cap;
    clock->path_cap = options->path_cap;
    clock->watch = options->watch;
    clock->is_shown = options->slice_cap > 0 || options->bins > 0;
    /* How early visits are forgotten decides which nodes merge, and thus how fine a shown path is, though not
       the totals. Small logs keep the path as fine as possible. */
    clock->log_size = options->bins > 0 || options->path_cap > 0 ? 1 : 3;
    /* The state that trips are compared by excludes counts of semaphores and what the other core does. */
    clock->steady.is_off =
        options->step_all || clock->has_sibling || clock->program->syncing == ts_syncing_explicit;
    clock->trace = options->trace;
    clock->assumed_trips = options->trips ? options->trips : 1;
}

/* Whether an engine's results always come in the order of issue. They may not in list order, or if a `leave`
   or an instruction whose work a what-if takes away has no latency. */
static bool is_ordered(const ts_clock *clock) {
    bool is = clock->window == 1 && !clock->has_leaves;
    for (int k = 0; k < clock->sets; k++)
        is &= !clock->what_if[k].work;
    return is;
}

static ts_status open_core(job *j, int core) {
    ts_clock *clock = j->clock[core];
    const ts_clock_options *options = options_of(j, core);
    const ts_program *program = clock->program;
    clock->record->program_name = ts_arena_string(&clock->record->arena, program->name ? program->name : "");
    TS_TRY(make_sets(clock, j->chip, options));
    TS_TRY(add_what_ifs(clock, j->chip, options));
    if (clock->has_sibling)
        TS_TRY(ts_cores_open(clock, core > 0 ? j->clock[core - 1] : NULL));
    else
        TS_TRY(ts_clock_prepare(clock));
    clock->is_ordered = is_ordered(clock);
    clock->has_bursts = clock->is_ordered && !clock->has_what_ifs && !clock->has_sibling &&
                        !clock->is_shown && !options->path_cap && !clock->is_explicit && !options->step_all;
    make_queues(clock);
    ts_path_open(clock);
    ts_series_init(clock, options->bins);
    return ts_ok;
}

static ts_status run_within(void *context) {
    job *j = context;
    for (int core = 0; core < j->count; core++) {
        if (j->count == TS_CLOCK_CORES) j->clock[core]->sibling = j->clock[1 - core];
        TS_TRY(open_core(j, core));
    }
    TS_TRY(ts_cores_run(j->clock, j->count));
    for (int core = 0; core < j->count; core++) {
        if (core > 0) ts_cores_hand_over(j->clock[core - 1], j->clock[core]);
        fill(j->clock[core], options_of(j, core)->band, options_of(j, core)->what_if_count);
    }
    return ts_ok;
}

/* Whether any instruction may be issued out of order. */
static bool is_listed(const ts_program *program) {
    bool is = program->order == ts_order_list;
    for (uint32_t at = 0; at < program->code.count && !is; at++)
        is = program->code.data[at]->order == ts_order_list;
    return is;
}

static ts_status new_clock(job *j, int core) {
    ts_clock *clock = j->clock[core] = calloc(1, sizeof *clock);
    const ts_program *program = j->cores[core].program;
    if (!clock) return ts_fail(j->diag, ts_capacity, "no host memory for the clock");
    clock->program = program;
    clock->record = j->cores[core].record;
    clock->diag = j->diag;
    clock->ticks = 1;
    clock->idle = clock->unpicked = ((1u << ts_engine_count) - 1) & ~(1u << ts_engine_none);
    clock->has_sibling = j->count > 1;
    clock->window = is_listed(program) ? (int)j->chip->list_window : 1;
    set_options(clock, options_of(j, core));
    clock->record->chip = *j->chip;
    clock->record->ranks = program->ranks;
    clock->record->launch = nanoseconds(j->chip->launch_us * 1000);
    return ts_ok;
}

static void free_clocks(job *j) {
    for (int core = 0; core < j->count; core++)
        if (j->clock[core]) ts_path_free(j->clock[core]); /* before any arena: trees may share instants */
    for (int core = 0; core < j->count; core++) {
        if (j->clock[core]) ts_arena_free(&j->clock[core]->arena);
        free(j->clock[core]);
    }
}

ts_status ts_clock_run_cores(const ts_clock_core *cores, int count, const ts_chip *chip, ts_diag *diag) {
    job j = {.cores = cores, .count = count, .chip = chip, .diag = diag};
    if (count < 1 || count > TS_CLOCK_CORES || count > chip->cores)
        return ts_fail(diag, ts_usage, "%d programs at once: %s has %.0f cores, the clock has %d", count,
                       chip->name, chip->cores, TS_CLOCK_CORES);
    for (int core = 0; core < count; core++)
        memset(cores[core].record, 0, sizeof(ts_record));
    for (int core = 0; core < count && count > 1; core++)
        if (cores[core].program->ranks > 1)
            return ts_fail(diag, ts_usage,
                           "%s is a program of %u ranks: it is clocked alone, for all of them",
                           cores[core].program->name, cores[core].program->ranks);
    ts_status status = ts_ok;
    for (int core = 0; core < count && status == ts_ok; core++)
        status = new_clock(&j, core);
    const void *kept[2 * TS_CLOCK_CORES + 1] = {NULL};
    for (int core = 0; core < count && status == ts_ok; core++) {
        kept[2 * core] = &j.clock[core]->arena;
        kept[2 * core + 1] = &cores[core].record->arena;
    }
    if (status == ts_ok) status = ts_unit_run(kept, run_within, &j, "clocking", diag);
    free_clocks(&j);
    for (int core = 0; core < count && status != ts_ok; core++)
        ts_record_free(cores[core].record);
    return status;
}

ts_status ts_clock_run(const ts_program *program, const ts_chip *chip, const ts_clock_options *options,
                       ts_record *record, ts_diag *diag) {
    const ts_clock_core core = {program, options, record};
    return ts_clock_run_cores(&core, 1, chip, diag);
}
