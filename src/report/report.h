/* The report of a program: what the clock saw, arranged to answer what a step costs, why, and what to change.
   ts_report_make clocks the program as often as that needs; the writers are pure functions of its result. */
#ifndef TS_REPORT_REPORT_H
#define TS_REPORT_REPORT_H

#include "arch/collective_cost.h"
#include "arch/record.h"
#include "base/pool.h"
#include "clock/clock.h"

enum {
    TS_REPORT_REMEDIES = 5,
    TS_REPORT_BINS = 1024,
    TS_REPORT_SLICES = 1 << 18, /* in a timeline: it, and its record, stay within 64 MB for any step */
    TS_REPORT_LOOP_TRIPS = 3,
    TS_REPORT_DEEPEST = 6
};

/* The text of one of the user's files, for the listing. */
typedef struct ts_report_source {
    const char *file; /* as locations name it */
    const char *text;
} ts_report_source;

typedef struct ts_report_options {
    const ts_instance *instance; /* NULL: no cost */
    const ts_trace *trace; /* what data decided in the run that is reported; NULL = timed without data */
    uint64_t trips;        /* as in ts_clock_options */
    const ts_report_source *sources;
    int source_count;
    uint32_t slice_cap; /* instructions that the timeline of Perfetto shows; 0 = none */
    bool without_gains; /* no what-ifs, no tornado */
    ts_pool *pool;      /* what-ifs are clocked on; NULL: one after the other */
} ts_report_options;

/* One cause of time, largest share first. */
typedef struct ts_report_bound {
    ts_bound bound;
    ts_time time; /* of the step; all of them add up to it */
    bool has_gain;
    ts_time gain;  /* of the step when it is free; 0 <= gain <= time */
    double busy;   /* share of the step in which the resource works, -1 where the word has no meaning */
    uint32_t line; /* that it costs most, in report->lines */
} ts_report_bound;

/* What one source line costs. */
typedef struct ts_report_line {
    const char *file; /* "" = unknown */
    uint32_t line;
    const char *function; /* "" = unknown */
    ts_time time;         /* of the step */
    ts_time bounds[ts_bound_count];
    ts_time busy[ts_engine_count]; /* ts_engine_none: DMA engines, added up */
    uint64_t count, flops, bytes, hbm_bytes, descriptors, elems;
    const char *op; /* operation that costs most, as the source program names it */
    bool has_gain;
    ts_time gain;                  /* of the step when its own work is free */
    uint32_t loc;                  /* one of its locations */
    uint32_t first_row, row_count; /* into report->rows */
} ts_report_line;

/* Part of the step by phase, scope and function; children add up to at most the parent. */
typedef struct ts_report_module {
    const char *name;
    ts_time time;
    ts_time bounds[ts_bound_count];
    uint32_t parent; /* 1 + index; 0: the step itself */
    int depth;       /* of a child of the step: 1 */
} ts_report_module;

typedef struct ts_report_remedy {
    const char *id; /* "A3" */
    /* "edit": clocked with that change; "bound": clocked with all of the cost gone, at most this; "reclock":
       clocked in another order */
    const char *method;
    ts_time gain;
    ts_time gain_fast, gain_slow; /* with every number of the chip at that end of its range */
    ts_time gain_so_far;          /* with the remedies before it */
    uint32_t line;                /* 1 + index into lines; 0 = no single line */
    const char *title, *evidence, *action, *cost;
} ts_report_remedy;

/* What to know that no remedy says: a limit that is reached. */
typedef struct ts_report_note {
    const char *id, *text;
} ts_report_note;

/* How far the step moves when one number of the chip goes through its range. */
typedef struct ts_report_lean {
    int param;
    ts_time low, high; /* totals; low at the fast end */
} ts_report_lean;

/* A tensor in HBM and its way to the chip. */
typedef struct ts_report_tensor {
    uint32_t tensor;
    uint64_t loaded, stored, loads; /* bytes, and transfers to the chip */
} ts_report_tensor;

typedef enum ts_report_kind {
    ts_kind_argument, /* loaded from an argument */
    ts_kind_reload,   /* loaded from scratch: a value that passed through HBM */
    ts_kind_constants,
    ts_kind_computed,
    ts_kind_psum
} ts_report_kind;

/* A stretch of the step that belongs to one part of the program, forward or backward say. */
typedef struct ts_report_phase {
    uint32_t module; /* whose path fills most of it */
    ts_time start, end;
} ts_report_phase;

/* The step on one core of an instance. */
typedef struct ts_report_price {
    const ts_instance *instance;
    ts_time total; /* on its chip, as the program was compiled */
} ts_report_price;

/* A collective of the program. */
typedef struct ts_report_collective {
    uint32_t inst;  /* position in program->code */
    uint32_t line;  /* 1 + index into lines; 0 = none */
    uint64_t count; /* executions; 0 where they were not counted */
    ts_cc_plan plan;
    ts_cc_cost cost;
} ts_report_collective;

/* Bytes of each partition that hold one thing for a time. */
typedef struct ts_report_box {
    bool is_psum;
    uint8_t kind;      /* ts_report_kind */
    int32_t low, high; /* bytes in a partition */
    int32_t part, parts;
    ts_time first, last;
    uint32_t loc;
    uint32_t tensor; /* 1 + index; 0 = none */
} ts_report_box;

typedef struct ts_report {
    ts_arena arena;
    const ts_program *program; /* borrowed, like all below */
    const ts_instance *instance;
    const ts_report_source *sources;
    int source_count;
    bool has_gains, has_memory;
    bool is_view;     /* the record is borrowed */
    ts_record record; /* band, bins, critical path */
    TS_VEC(ts_report_bound) bounds;
    TS_VEC(ts_record_row) rows;        /* of one line after the other, most costly first */
    TS_VEC(ts_report_line) lines;      /* most costly first, then by file and line */
    TS_VEC(ts_report_module) modules;  /* parents before children */
    uint32_t *user_locs;               /* per location that of the user's line: ts_loc_user */
    uint32_t *module_of;               /* per location 1 + the deepest module that it is in; 0 = none */
    TS_VEC(ts_report_phase) phases;    /* one after the other; none = the step has no order to speak of */
    TS_VEC(ts_report_remedy) remedies; /* largest gain first */
    ts_time together;                  /* gain of all remedies at once */
    TS_VEC(ts_report_note) notes;
    int second;                   /* bound whose release beside the largest one gains most, -1 = none found */
    ts_time second_gain;          /* of both */
    TS_VEC(ts_report_lean) leans; /* widest first */
    TS_VEC(ts_report_tensor) tensors; /* those that move, most bytes first */
    TS_VEC(ts_report_box) boxes;      /* by first use */
    int32_t sbuf_peak, psum_peak;     /* bytes of a partition in use at once, at most */
    ts_time sbuf_peak_at;
    int32_t *sbuf_fill; /* in each bin of the series, at most; NULL = not known */
    TS_VEC(ts_report_collective) collectives;
    TS_VEC(ts_report_price) prices; /* of instances whose chip runs the program */
    uint64_t argument_bytes, result_bytes, scratch_bytes, constant_bytes;
    int loop;          /* the hottest, -1 = none */
    ts_time loop_time; /* of the step, with the short loops in it; three trips of it: */
    ts_record loop_record;
    int clock_runs;
} ts_report;

/* Both borrow the program, the chip, and what the options name. Free in any case. */
ts_status ts_report_make(const ts_program *program, const ts_chip *chip, const ts_report_options *options,
                         ts_report *report, ts_diag *diag);
/* What one record says, without what takes more runs of the clock: no gains, no tornado, no loop. Borrows it.
 */
ts_status ts_report_view(const ts_program *program, const ts_record *record, const ts_instance *instance,
                         ts_report *report, ts_diag *diag);
void ts_report_free(ts_report *report);

/* "forward", "backward" or "beside the gradient", from the name that JAX gave an operation; "" in a program
   without a gradient. */
const char *ts_report_phase_of(const ts_program *program, const char *name);

/* Parts of ts_report_make. */
void ts_report_arrange(ts_report *report);     /* report_arrange.c: bounds, lines */
void ts_report_modules(ts_report *report);     /* report_modules.c */
void ts_report_phases(ts_report *report);      /* report_phases.c */
void ts_report_memory(ts_report *report);      /* report_memory.c */
void ts_report_collectives(ts_report *report); /* report_collectives.c */
ts_status ts_report_gains(ts_report *report, const ts_report_options *options,
                          ts_diag *diag); /* report_gains.c */
ts_status ts_report_advise(ts_report *report, const ts_report_options *options,
                           ts_diag *diag); /* report_advice.c */
ts_status ts_report_prices(ts_report *report, const ts_report_options *options,
                           ts_diag *diag);               /* report_prices.c */
double ts_report_step_usd(const ts_report_price *price); /* 0 = no published price */
/* A total to clock. */
typedef struct ts_report_ask {
    ts_what_if what_if; /* what it points to is borrowed */
    bool is_list;       /* with engines that take of their next instructions what can start first */
    ts_time total;
} ts_report_ask;
/* report_clock.c: the options of every run but for what it asks for, and the totals of all asks. */
ts_clock_options ts_report_clock_options(const ts_report_options *options);
ts_status ts_report_clock(ts_report *report, const ts_report_options *options, ts_report_ask *asks, int count,
                          ts_diag *diag);

/* Whether freeing the largest bound gains less than half of it, and report->second is right behind. */
bool ts_report_has_next(const ts_report *report);
/* "trn1.2xlarge, 1 of 2 cores", and what the chip in it is where that is not the instance's own. */
void ts_report_machine(const ts_report *report, ts_text *out);
/* Dollars an hour of the instance; 0 where no document has a price, or the chip is another one. */
double ts_report_hour_usd(const ts_report *report);
/* "A step takes T. X bounds ..." */
void ts_report_verdict(const ts_report *report, ts_text *out);
/* At most 25 lines of at most 100 columns, ASCII. */
void ts_report_text(const ts_report *report, ts_text *out);
/* The same for a terminal that shows UTF-8, colours, or both. */
typedef struct ts_report_style {
    bool has_blocks, has_color;
} ts_report_style;
void ts_report_text_styled(const ts_report *report, ts_report_style style, ts_text *out);
/* The ten most costly lines: why, and what to try. */
void ts_report_explain(const ts_report *report, int lines, ts_text *out);
/* {"schema": "trainstone.report/1.0", ...} */
void ts_report_json(const ts_report *report, ts_text *out);
void ts_report_json_views(const ts_report *report, ts_text *out); /* its part in report_json_views.c */
/* Neuron's metric names and definitions: "name   value" lines, and one flat object. */
void ts_report_summary_text(const ts_report *report, ts_text *out);
void ts_report_summary_json(const ts_report *report, ts_text *out);
/* The share of the bf16 peak that a program with these FLOPs and this HBM traffic reaches when HBM alone
   bounds it, at most 1; -1 where there is nothing to divide. */
double ts_report_mfu_ceiling(const ts_report *report);
/* One self-contained page. */
void ts_report_html(const ts_report *report, ts_text *out);
/* Perfetto's protobuf trace of a record with slices (of report->program). */
void ts_report_pftrace(const ts_report *report, const ts_record *record, ts_text *out);
/* Programs that ran at the same time, on the cores or as the ranks that they are called by. */
typedef struct ts_report_rank {
    const ts_program *program;
    const ts_record *record;
    const char *word; /* "rank" */
    int number;
} ts_report_rank;
/* Whether the slowest takes 5 % more than the fastest; what it is, its costliest line, and what bounds that.
 */
bool ts_report_imbalance(const ts_report_rank *ranks, int count, ts_text *out);
/* What changed from one report to another. */
void ts_report_diff(const ts_report *before, const ts_report *after, ts_text *out);
void ts_report_diff_json(const ts_report *before, const ts_report *after, ts_text *out);

/* A function's name as a person would say it: "adam.<locals>.update" is "adam.update", and a lambda is part
   of the function around it. */
const char *ts_report_function(ts_arena *arena, const char *name);
/* The line's location: "file.py:31", the file's last part only. */
void ts_report_place(const char *file, uint32_t line, ts_text *out);
/* The user's line that a location belongs to, as the rows of `lines` do. */
const ts_loc *ts_report_loc(const ts_report *report, uint32_t loc);
/* "  file.py:31", the innermost place, where that is not the user's line but a library's. */
void ts_report_library_place(const ts_report *report, uint32_t loc, ts_text *out);
/* Roofs in TFLOP/s and in bytes/ns. */
typedef struct ts_report_roofs {
    double bf16, fp32, hbm, dma;
} ts_report_roofs;
ts_report_roofs ts_report_roofline(const ts_report *report);
/* Of the hottest loop (report->loop >= 0): where it is, and the time from a trip to the next in its middle; 0
   = not seen there. */
const ts_loc *ts_report_loop_place(const ts_report *report);
ts_time ts_report_loop_period(const ts_report *report);
/* What the line's own matmuls reach of the bf16 peak while it works. */
double ts_report_line_mfu(const ts_report *report, const ts_report_line *line);
/* Time of the largest engine or of the DMA engines that the line needs, whatever else waits. */
ts_time ts_report_line_work(const ts_report *report, const ts_report_line *line);

#endif
