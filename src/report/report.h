/* The report of a program: the clock's record, arranged to show what a step costs, why, and what to change.
   ts_report_make runs the clock as often as that needs; the writers are pure functions of its result. */
#ifndef TS_REPORT_REPORT_H
#define TS_REPORT_REPORT_H

#include "arch/collective_cost.h"
#include "arch/record.h"
#include "base/pool.h"
#include "clock/clock.h"

enum {
    TS_REPORT_REMEDIES = 5,
    TS_REPORT_BINS = 1024,
    TS_REPORT_SLICES = 1 << 18, /* slices of a timeline; keeps it and its record within 64 MB for any step */
    TS_REPORT_LOOP_TRIPS = 3,
    TS_REPORT_DEEPEST = 6
};

/* The text of one of the user's source files, for the listing. */
typedef struct ts_report_source {
    const char *file; /* as locations name it */
    const char *text;
} ts_report_source;

typedef struct ts_report_options {
    const ts_instance *instance; /* NULL: the report has no cost */
    const ts_trace *trace;       /* what data decided in the reported run; NULL: timed without data */
    uint64_t trips;              /* as in ts_clock_options */
    const ts_report_source *sources;
    int source_count;
    uint32_t slice_cap; /* instructions in the Perfetto timeline; 0: none */
    bool without_gains; /* leave out what-ifs and the tornado chart */
    ts_pool *pool;      /* runs the what-ifs in parallel; NULL: one after the other */
} ts_report_options;

/* One cause of time. */
typedef struct ts_report_bound {
    ts_bound bound;
    ts_time time; /* of the step; the times of all bounds add up to it */
    bool has_gain;
    ts_time gain;  /* what the step gains when the resource is free; 0 <= gain <= time */
    double busy;   /* share of the step in which the resource works; -1 where that has no meaning */
    uint32_t line; /* the line it costs most, an index into report->lines */
} ts_report_bound;

/* What one source line costs. */
typedef struct ts_report_line {
    const char *file; /* "": unknown */
    uint32_t line;
    const char *function; /* "": unknown */
    ts_time time;         /* of the step */
    ts_time bounds[ts_bound_count];
    ts_time busy[ts_engine_count]; /* ts_engine_none: sum over the DMA engines */
    uint64_t count, flops, bytes, hbm_bytes, descriptors, elems;
    const char *op; /* the operation that costs most, as the source program names it */
    bool has_gain;
    ts_time gain;                  /* what the step gains when the line's work is free */
    uint32_t loc;                  /* one of the line's locations */
    uint32_t first_row, row_count; /* its rows in report->rows */
} ts_report_line;

/* A part of the step: a phase, scope or function. The times of children add up to at most their parent's. */
typedef struct ts_report_module {
    const char *name;
    ts_time time;
    ts_time bounds[ts_bound_count];
    uint32_t parent; /* 1 + index; 0: the step itself */
    int depth;       /* 1 for a child of the step */
} ts_report_module;

typedef struct ts_report_remedy {
    const char *id; /* "A3" */
    /* How the gain was found. "edit": clocked with the change itself; "bound": clocked with the whole cost
       gone, so the gain is an upper limit; "reclock": clocked with another issue order. */
    const char *method;
    ts_time gain;
    ts_time gain_fast, gain_slow; /* with every number of the chip at the fast, or slow, end of its range */
    ts_time gain_so_far;          /* together with the remedies before it */
    uint32_t line;                /* 1 + index into lines; 0: no single line */
    const char *title, *evidence, *action, *cost;
} ts_report_remedy;

/* A fact without a remedy: a limit that is reached. */
typedef struct ts_report_note {
    const char *id, *text;
} ts_report_note;

/* How far the step's time moves when one number of the chip goes through its range. */
typedef struct ts_report_lean {
    int param;
    ts_time low, high; /* totals; low is the fast end */
} ts_report_lean;

/* A tensor in HBM and its traffic to and from the chip. */
typedef struct ts_report_tensor {
    uint32_t tensor;
    uint64_t loaded, stored, loads; /* bytes loaded and stored, and number of loads */
} ts_report_tensor;

typedef enum ts_report_kind {
    ts_kind_argument, /* loaded from an argument */
    ts_kind_reload,   /* loaded from scratch: a value that passed through HBM */
    ts_kind_constants,
    ts_kind_computed,
    ts_kind_psum
} ts_report_kind;

/* A stretch of the step that belongs to one part of the program, such as forward or backward. */
typedef struct ts_report_phase {
    uint32_t module; /* the module on the critical path for most of it */
    ts_time start, end;
} ts_report_phase;

/* The step's time on one core of an instance. */
typedef struct ts_report_price {
    const ts_instance *instance;
    ts_time total; /* on the instance's chip, with the program as it was compiled */
} ts_report_price;

/* A collective of the program. */
typedef struct ts_report_collective {
    uint32_t inst;  /* position in program->code */
    uint32_t line;  /* 1 + index into lines; 0: none */
    uint64_t count; /* executions; 0: they were not counted */
    ts_cc_plan plan;
    ts_cc_cost cost;
} ts_report_collective;

/* A rectangle of SBUF or PSUM, in bytes and time, that holds one value. */
typedef struct ts_report_box {
    bool is_psum;
    uint8_t kind;      /* ts_report_kind */
    int32_t low, high; /* bytes in a partition */
    int32_t part, parts;
    ts_time first, last;
    uint32_t loc;
    uint32_t tensor; /* 1 + index; 0: none */
} ts_report_box;

typedef struct ts_report {
    ts_arena arena;
    const ts_program *program; /* borrowed, like instance and sources */
    const ts_instance *instance;
    const ts_report_source *sources;
    int source_count;
    bool has_gains, has_memory;
    bool is_view;     /* the record is borrowed */
    ts_record record; /* includes band, bins and critical path */
    TS_VEC(ts_report_bound) bounds;
    TS_VEC(ts_record_row) rows;        /* grouped by line, the costliest first */
    TS_VEC(ts_report_line) lines;      /* the costliest first, then by file and line */
    TS_VEC(ts_report_module) modules;  /* parents before children */
    uint32_t *user_locs;               /* for each location, that of the user's line: ts_loc_user */
    uint32_t *module_of;               /* for each location, 1 + the deepest module that has it; 0: none */
    TS_VEC(ts_report_phase) phases;    /* in order of time; empty when the step has no clear order */
    TS_VEC(ts_report_remedy) remedies; /* the largest gain first */
    ts_time together;                  /* gain of all remedies at once */
    TS_VEC(ts_report_note) notes;
    int second;                       /* the bound that gains most when freed beside the largest; -1: none */
    ts_time second_gain;              /* of both together */
    TS_VEC(ts_report_lean) leans;     /* the widest first */
    TS_VEC(ts_report_tensor) tensors; /* those that are transferred, most bytes first */
    TS_VEC(ts_report_box) boxes;      /* by first use */
    int32_t sbuf_peak, psum_peak;     /* most bytes of a partition in use at once */
    ts_time sbuf_peak_at;
    int32_t *sbuf_fill; /* most bytes in use in each bin of the series; NULL: not known */
    TS_VEC(ts_report_collective) collectives;
    TS_VEC(ts_report_price) prices; /* for the instances whose chip can run the program */
    uint64_t argument_bytes, result_bytes, scratch_bytes, constant_bytes;
    int loop;          /* the costliest loop; -1: none */
    ts_time loop_time; /* of the step, including short inner loops; loop_record has three of its trips: */
    ts_record loop_record;
    int clock_runs;
} ts_report;

/* Makes a report. It borrows the program, the chip and what the options name. Call ts_report_free also after
   a failure. */
ts_status ts_report_make(const ts_program *program, const ts_chip *chip, const ts_report_options *options,
                         ts_report *report, ts_diag *diag);
/* Makes a report from an existing record, which it borrows. Parts that need more runs of the clock are left
   out: gains, the tornado chart, the loop. */
ts_status ts_report_view(const ts_program *program, const ts_record *record, const ts_instance *instance,
                         ts_report *report, ts_diag *diag);
void ts_report_free(ts_report *report);

/* The phase of an operation by the name that JAX gave it: "forward", "backward" or "beside the gradient"; ""
   in a program without a gradient. */
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
double ts_report_step_usd(const ts_report_price *price); /* 0: no published price */
/* A what-if to clock, and its result. */
typedef struct ts_report_ask {
    ts_what_if what_if; /* its pointers are borrowed */
    bool is_list;       /* with engines that may start any of their next few instructions */
    ts_time total;
} ts_report_ask;
/* report_clock.c: the options common to all runs; and the totals of all asks. */
ts_clock_options ts_report_clock_options(const ts_report_options *options);
ts_status ts_report_clock(ts_report *report, const ts_report_options *options, ts_report_ask *asks, int count,
                          ts_diag *diag);

/* Whether freeing the largest bound gains less than half of its time because report->second is close
   behind. */
bool ts_report_has_next(const ts_report *report);
/* Like "trn1.2xlarge, 1 of 2 cores"; names the chip when it is not the instance's own. */
void ts_report_machine(const ts_report *report, ts_text *out);
/* Dollars per hour of the instance; 0 when no document gives a price, or the chip is not the instance's
   own. */
double ts_report_hour_usd(const ts_report *report);
/* Like "A step takes T. X bounds ...". */
void ts_report_verdict(const ts_report *report, ts_text *out);
/* The report for a terminal: at most 25 lines of at most 100 columns, ASCII. */
void ts_report_text(const ts_report *report, ts_text *out);
/* The same for a terminal that can show UTF-8, colours, or both. */
typedef struct ts_report_style {
    bool has_blocks, has_color;
} ts_report_style;
void ts_report_text_styled(const ts_report *report, ts_report_style style, ts_text *out);
/* Explains the costliest `lines` lines: why they cost, and what to try. */
void ts_report_explain(const ts_report *report, int lines, ts_text *out);
/* The JSON form: {"schema": "trainstone.report/1.0", ...}. */
void ts_report_json(const ts_report *report, ts_text *out);
void ts_report_json_views(const ts_report *report, ts_text *out); /* the part in report_json_views.c */
/* Neuron's metric names and definitions, as "name   value" lines and as one flat object. */
void ts_report_summary_text(const ts_report *report, ts_text *out);
void ts_report_summary_json(const ts_report *report, ts_text *out);
/* The largest possible share of the bf16 peak, at most 1, of a program with these FLOPs and this HBM traffic,
   if HBM were the only bound; -1 when it moves or computes nothing. */
double ts_report_mfu_ceiling(const ts_report *report);
/* A self-contained HTML page. */
void ts_report_html(const ts_report *report, ts_text *out);
/* Perfetto's protobuf trace of a record of report->program that has slices. */
void ts_report_pftrace(const ts_report *report, const ts_record *record, ts_text *out);
/* One of several programs that ran at the same time, and the core or rank it ran as. */
typedef struct ts_report_rank {
    const ts_program *program;
    const ts_record *record;
    const char *word; /* "rank" */
    int number;
} ts_report_rank;
/* Whether the slowest takes at least 5 % longer than the fastest; if so, writes which it is, its costliest
   line, and what bounds that line. */
bool ts_report_imbalance(const ts_report_rank *ranks, int count, ts_text *out);
/* A line of one report and the same line of another; NULL where that has none. */
typedef struct ts_line_pair {
    const ts_report_line *before, *after;
} ts_line_pair;
/* Pairs the lines of two reports, also those that an edit has moved: `pairs` has room for all lines of both.
   Returns how many there are. */
uint32_t ts_report_match(const ts_report *before, const ts_report *after, ts_line_pair *pairs,
                         ts_arena *arena);

/* The differences between two reports. */
void ts_report_diff(const ts_report *before, const ts_report *after, ts_text *out);
void ts_report_diff_json(const ts_report *before, const ts_report *after, ts_text *out);

/* A function's name in readable form: "adam.<locals>.update" becomes "adam.update", and a lambda becomes part
   of the function around it. */
const char *ts_report_function(ts_arena *arena, const char *name);
/* A line as "file.py:31", with the last part of the path only. */
void ts_report_place(const char *file, uint32_t line, ts_text *out);
/* The user's location to which a location's cost is charged. */
const ts_loc *ts_report_loc(const ts_report *report, uint32_t loc);
/* Appends "  file.py:31", the innermost location, when it is a library's rather than the user's. */
void ts_report_library_place(const ts_report *report, uint32_t loc, ts_text *out);
/* Peaks for a roofline in TFLOP/s (bf16, fp32) and bandwidths in bytes/ns (hbm, dma). */
typedef struct ts_report_roofs {
    double bf16, fp32, hbm, dma;
} ts_report_roofs;
ts_report_roofs ts_report_roofline(const ts_report *report);
/* Of the costliest loop (report->loop >= 0): its location, and the time from one trip to the next in its
   middle; 0 when that cannot be seen. */
const ts_loc *ts_report_loop_place(const ts_report *report);
ts_time ts_report_loop_period(const ts_report *report);
/* The share of the bf16 peak that the line's matmuls reach while the line is at work. */
double ts_report_line_mfu(const ts_report *report, const ts_report_line *line);
/* Busy time of the engine, or of the DMA engines, that the line needs longest: its time if nothing waited. */
ts_time ts_report_line_work(const ts_report *report, const ts_report_line *line);

#endif
