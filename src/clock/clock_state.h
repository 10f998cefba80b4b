/* What the clock holds during a run: instants and why they are not earlier, costs, events and who waits for
   them, lanes, and everything together in ts_clock. clock_core.h has the functions. */
#ifndef TS_CLOCK_CLOCK_STATE_H
#define TS_CLOCK_CLOCK_STATE_H

#include "clock/clock_places.h"

enum {
    TS_CLOCK_RINGS = 256,       /* queue numbers a program may name */
    TS_CLOCK_DMA_ENGINES = 256, /* most that a what-if chip may have */
    TS_CLOCK_WINDOW = 1024,     /* fetched instructions that wait for their times */
    TS_CLOCK_VISITS = 8192,     /* of a log remembered exactly; above that, old ones merge */
    TS_CLOCK_SIGNS = 16         /* states remembered by a sign of what they are */
};

typedef enum ts_port {
    ts_port_sbuf, /* Vector xor GpSimd (ARCH:596) */
    ts_port_psum, /* Vector xor Scalar (ARCH:597) */
    ts_port_count
} ts_port;

/* A stretch of the critical path: so much time of one row charged to one bound. */
typedef struct ts_charge {
    uint32_t row, bound;
    ts_time amount;
} ts_charge;

/* How an instant follows from what came before. */
typedef enum ts_cause_kind {
    ts_cause_engine,  /* an engine or port was held for the occupancy */
    ts_cause_same,    /* a result of the same engine */
    ts_cause_ready,   /* a result or last access of another engine */
    ts_cause_result,  /* a result that nobody waits for: the end of the run */
    ts_cause_done,    /* a DMA's completion */
    ts_cause_arrival, /* a transfer's last byte, from when it was issued */
    ts_cause_turn,    /* the same, from when it was its turn */
    ts_cause_other    /* what the node says itself */
} ts_cause_kind;

/* An instant on some path from the launch: the parent's instant plus the charges. References are counted:
   children, and whoever may still wait for this instant. Most nodes are dropped before anybody reads their
   charges: these are found when asked for. */
enum { TS_NODE_CHARGES = 3 }; /* of a node that was not merged */
typedef struct ts_node {
    _Alignas(64) struct ts_node *parent; /* all in one line of the host's cache */
    const struct ts_step *step;          /* whose; NULL: all it has is `amount` */
    union {
        ts_charge
            *many; /* malloc'ed, when there are `charges`: those of a chain of nodes merged into this one */
        ts_time amount; /* of one more charge, or a transfer's descriptors */
    };
    ts_time span; /* sum of its charges; of causes other than a transfer's 0 until somebody adds them up */
    uint32_t charges, refs;
    uint32_t row;          /* of the one more charge */
    uint32_t anchor, mark; /* 1 + the first of its places in a steady state's snapshot, and in the comparison
                              with it; 0 = none */
    uint8_t kind, bound;   /* ts_cause_kind; of the one more charge */
    bool is_inner;         /* scratch of merging */
} ts_node;

/* Costs in one set of constants. */
typedef struct ts_set_costs {
    ts_time occupancy;
    union {
        struct {
            ts_time stream;    /* from the start to the end of the cost formula */
            ts_time latency;   /* from there to the result */
            ts_time dependent; /* from the end of the occupancy to a reader on the same engine */
        };
        struct {                                /* of a transfer */
            ts_time descriptor_time, byte_time; /* DMA engine time of a row */
            ts_time hbm_time;
        };
        struct {                           /* of a collective */
            ts_time start_time, move_time; /* until its first byte moves, and from then on */
            ts_time pass_time;             /* of its bytes through HBM */
            ts_time engine_time;           /* that each DMA engine is at them */
        };
    };
} ts_set_costs;

/* What an instruction moves and computes. */
typedef struct ts_amounts {
    int64_t bytes, elems;
    union {
        struct {
            int64_t flops, selection_flops, transpose_flops;
        };
        struct { /* of a transfer */
            int64_t descriptors, hbm_read_bytes, hbm_write_bytes;
        };
    };
} ts_amounts;

/* How far an operand reaches at one choice of counts. */
typedef struct ts_extent {
    const ts_shape *shape;
    int32_t parts;
} ts_extent;

/* Costs of one instruction at one choice of its counts. */
typedef struct ts_step {
    struct ts_step *next;
    ts_extent *extents;         /* of ragged operands' instructions: one an access */
    uint64_t count;             /* executions so far */
    uint64_t counts;            /* hash of the counts */
    uint64_t space_bytes[2][2]; /* SBUF, PSUM: read, written */
    uint32_t row, inst;         /* inst: position in code */
    uint8_t engine, engine_bit;
    uint8_t own;     /* the engine whose log has what it touches; of a transfer none */
    uint8_t logs[2]; /* bit per log that its reads, its writes look at */
    bool is_timed;   /* reads wait for results of its own engine */
    bool is_dma, is_fp32, is_indexed, is_turned,
        is_control, /* is_dma: also a collective, which its engine only triggers */
        is_wait;    /* a semaphore's, or one for the other core */
    bool is_collective;
    uint16_t queue;           /* of a transfer; of a collective the lane of all of them */
    uint16_t pieces;          /* of a collective, which pass HBM one after the other */
    int64_t link_bytes;       /* of a collective, what the rank sends to other chips */
    bool is_listed;           /* may change places with neighbours of its engine that may, too */
    bool port[ts_port_count]; /* what it holds while it runs */
    int32_t shares;           /* DMA engines it is spread over */
    int32_t rows,
        rows_per_share; /* partitions, and those of all shares but the last; HBM to HBM: one a share */
    ts_amounts amounts;
    ts_set_costs of[]; /* one a set in use */
} ts_step;

/* Why an instant is not earlier: the node of what came before (NULL: the launch) and the step from there. */
typedef struct ts_cause {
    ts_node *node; /* counted */
    const ts_step *step;
    uint64_t sequence : 56; /* of the execution */
    uint64_t kind : 8;      /* ts_cause_kind */
} ts_cause;

/* What a consumer waits for in its producer. */
typedef enum ts_wait {
    ts_wait_ready, /* a result, or a transfer's end */
    ts_wait_reuse, /* the same, to overwrite */
    ts_wait_same,  /* a result of the same engine */
    ts_wait_issue  /* only that it was issued: two instructions of one engine that a list may not swap */
} ts_wait;

typedef struct ts_edge {
    struct ts_edge *next;
    ts_event *consumer;
    ts_wait wait;
} ts_edge;

typedef struct ts_event_times {
    union {
        ts_time earliest; /* latest dependence known; of a triggered DMA, the trigger's end */
        ts_time ready;    /* when done: earliest start of dependents elsewhere */
    };
    ts_time same; /* and on this engine */
} ts_event_times;

/* One executed instruction, from its fetch until nobody can wait for it any more. With a band it takes two
   lines of the host's cache, of which whoever asks whether it matters needs the second. */
struct ts_event {
    ts_event *next; /* in its lane */
    const ts_step *step;
    ts_edge *edges; /* who waits for its times */
    uint64_t sequence;
    union {
        ts_cause cause; /* of `earliest` in the set asked for */
        ts_node *node;  /* when done: compute: its start; DMA: its last byte */
    };
    uint32_t refs;      /* visits, and one until it is done */
    uint32_t waits;     /* dependences whose times are not known yet */
    uint32_t mark;      /* 1 + its number in a walk, clock_walk.c */
    uint32_t signals;   /* 1 + the semaphore that it signals; 0 = none that anything waits for */
    uint8_t table;      /* the function table an activation needs, 0 = any */
    uint8_t awaited[2]; /* bit per engine one of whose instructions waits for `ready`: for a result, to
                           overwrite */
    bool is_done, loads_table, is_watched;
    ts_event_times of[]; /* one a set in use */
};

/* A signal that something may still wait for: what the semaphore is from then on, and who made it so. */
typedef struct ts_signal {
    int64_t value;
    ts_event *event; /* held */
} ts_signal;

typedef struct ts_semaphore {
    TS_VEC(ts_signal) signals; /* in order; those before `first` are gone */
    uint32_t first;
    uint32_t waiters;         /* bit per engine that waits for it anywhere */
    int64_t count, forgotten; /* by what is fetched; by the signals that are gone */
    ts_times latest;          /* of its signals that have their times */
    ts_node *node;            /* of the one that `latest` comes from */
} ts_semaphore;

typedef struct ts_lane {
    ts_event *head, *tail;
    ts_event *pick, *before; /* the event that could start first, and the one in front of it in the lane */
    ts_time start;           /* of `pick`, with the table's constants; INT64_MAX: there is none */
    int32_t count;           /* events in it */
} ts_lane;

/* One code position. */
typedef struct ts_code {
    ts_access *accesses; /* in the order of ts_inst_operands */
    ts_step *steps, *latest;
    uint32_t row;
    int8_t access_count;
    int8_t moving_count, tracked_count, reading_count;
    uint8_t moving[TS_MAX_OPERANDS]; /* accesses that move */
    uint8_t
        tracked[TS_MAX_OPERANDS]; /* accesses of tracked storages: those that only read, then the others */
    uint8_t table;                /* function table an activation needs, 0 = any */
    bool is_ready, is_ragged;
} ts_code;

/* Things of one size that come and go: blocks in the clock's arena, and a list of the free ones. */
typedef struct ts_slab {
    TS_VEC(char *) blocks;
    uint32_t used; /* of the last block */
    void *free;
} ts_slab;
enum {
    TS_SLAB_FEWEST = 64,
    TS_SLAB_EQUAL = 4, /* blocks before they double */
    TS_SLAB_DOUBLINGS = 4,
    TS_SLAB_LINE = 64, /* blocks begin on lines of the cache */
    TS_CLOCK_SHAPES = 256,
    TS_CLOCK_PAIRS = 256
};

/* Length of a union of intervals that arrive roughly in order. */
enum { TS_UNION_GAPS = 32 };
typedef struct ts_union {
    ts_time start[TS_UNION_GAPS + 1], end[TS_UNION_GAPS + 1];
    int count;
    ts_time sum, closed; /* all before `closed` is in the sum */
} ts_union;

/* One (engine, op, source line, innermost loop). Its totals are made at the end, in the record. */
typedef struct ts_clock_row {
    uint32_t loc, loop; /* loop: 1 + index; 0 = none */
    uint16_t op;
    uint8_t engine;
    bool is_noted;   /* what its first instruction leans on */
    ts_time loading; /* of function tables */
} ts_clock_row;

/* Whether a top-level loop may be skipped through, found when it is first asked for and after `last`. */
typedef struct ts_repeat {
    bool is_known, is_able;
    bool is_placed;   /* what its operands touch does not stand against it */
    uint32_t engines; /* bit per engine that has work in it up to `last` */
    int64_t period;   /* trips after which all rotations are where they were */
    int64_t
        last; /* from the trip of the search to this one counts are whole or nothing; less: not so there */
} ts_repeat;

/* A snapshot of the clock at the start of a trip, seen from that moment. */
typedef struct ts_steady {
    ts_repeat *repeat; /* per loop */
    bool is_off, is_active;
    uint32_t snapshots;            /* of this loop */
    uint64_t sign[TS_CLOCK_SIGNS]; /* of the last trips, in a circle */
    uint32_t signs, rotation;
    int64_t trip, period, next; /* of the snapshot; when its state is expected again; no other one before */
    uint64_t entered, sequence; /* instructions before the loop, at the snapshot */
    ts_time floor[TS_CLOCK_SETS];
    TS_VEC(int64_t) words;
    TS_VEC(ts_node *) pins;
    TS_VEC(ts_node **) places;
    TS_VEC(ts_event *) events;
    ts_time busy[ts_engine_count];
    uint64_t conservative_waits;
    ts_time union_length, collective_busy;
    TS_VEC(uint64_t) counts; /* of all steps */
    TS_VEC(ts_time) loading; /* of all rows */
    TS_VEC(ts_record_loop) loops;
    ts_record_queue *queue;
} ts_steady;

/* Everything of one run. */
typedef struct ts_clock {
    const ts_program *program;
    ts_record *record;
    ts_diag *diag;
    bool has_sibling;         /* another core is clocked along */
    struct ts_clock *sibling; /* then; NULL until it is there */
    TS_VEC(ts_event *)
    core_signals; /* by number; held as long as the sibling's wait is not fetched, then NULL */
    TS_VEC(ts_event *) core_waits; /* by number; there as long as the sibling's signal is not fetched */
    uint64_t instruction_cap;
    uint32_t slice_cap, path_cap;
    ts_watch watch;
    ts_arena arena;
    ts_slab events, edges, nodes, logs, tables; /* tables: of logs, of sites */
    ts_visit *circles[32];                      /* of logs that are empty, by size as a power of two */
    ts_visit *cut;                              /* what no log has had yet, */
    uint32_t uncut;                             /* so many */
    uint32_t log_size;                          /* visits of a log to begin with, as a power of two */

    /* sets of constants, as times */
    int sets, asked; /* sets in use; the one that is reported */
    ts_chip *chip;   /* one a set */
    ts_time dependent[TS_CLOCK_SETS][ts_engine_count];
    ts_time semaphore[TS_CLOCK_SETS], first_byte[TS_CLOCK_SETS], completion[TS_CLOCK_SETS];
    ts_time queue_floor[TS_CLOCK_SETS], table_load[TS_CLOCK_SETS], launch[TS_CLOCK_SETS];
    ts_what_if what_if[TS_CLOCK_SETS];
    bool has_what_ifs, frees_reuse;               /* some; one of them does */
    bool has_free_ports[TS_CLOCK_SETS];           /* engines do not exclude each other on a port */
    int dma_engines[TS_CLOCK_SETS], most_engines; /* of DMA, in the set that has most */
    uint16_t *ring_of[TS_CLOCK_SETS];             /* the queue that serves a number of the program */

    /* fetching */
    ts_code *code;
    int64_t *counters, *trips;
    const ts_trace *trace;
    ts_trace_reader trace_at;
    uint64_t assumed_trips; /* of loops left by data, where no trace says */
    struct {                /* the bytes that the sequencers hold in a register since the last `leave` */
        bool is_valid;
        uint32_t storage;
        ts_place place;
    } held;
    uint32_t pc;
    uint64_t sequence;
    uint32_t pending;
    TS_VEC(ts_clock_row) rows;
    uint32_t first_row, end_row; /* with a sibling: its own; the others are the sibling's, and row 0 */
    TS_VEC(ts_step *) steps;

    /* regions */
    uint32_t *storage_of, *site_of; /* per tensor */
    ts_storage *storages;
    ts_site *sites;            /* all of SBUF, of PSUM, then tiles, then tensors */
    uint32_t site_count, rest; /* rest: the one to look at next */
    bool is_ordered; /* what an engine issues later has its result later, in every set of constants */
    TS_VEC(ts_reaches) reaches; /* of tracked storages, in program order; listed when first needed */
    uint32_t *reach_list;
    uint32_t operands; /* of tracked storages, at most */
    uint32_t storage_count;
    TS_VEC(ts_found) found;
    uint32_t since;                 /* code from here on may still be fetched */
    bool has_leaves;                /* some position is a `leave` */
    uint32_t coming;                /* bit per engine that has some there */
    uint32_t last[ts_engine_count]; /* 1 + the last code position of an engine's; 0 = none */
    uint32_t ticks;
    ts_time *users_free[1 << ts_engine_count]; /* per set of engines: none of them starts anything before */
    uint32_t users_tick[1 << ts_engine_count]; /* as of this tick */
    ts_shape *shapes[TS_CLOCK_SHAPES];         /* by hash */
    ts_pair pairs[TS_CLOCK_PAIRS];             /* the latest ones, by hash */

    /* sync=explicit */
    bool is_explicit;
    ts_semaphore *semaphores;

    /* lanes: times at which each shared thing is free, and why */
    int window; /* instructions of an engine that may overtake each other; 1 = program order */
    ts_lane engine[ts_engine_count], *ring;
    uint32_t unpicked, idle; /* bit per engine: whose `pick` is not up to date, whose lane is empty */
    struct {                 /* what goes next, with the table's constants */
        bool is_known;
        int engine, ring; /* ring: its position, or -1 for the engine's pick */
        ts_time time;
    } next;
    uint16_t *ring_list;
    int rings, queues;   /* queues with a transfer waiting; queue numbers that the program may use, and the
                            stream of its collectives, the last one */
    int stream;          /* number of that one; -1: there is none */
    struct {             /* the collective that the stream is at */
        uint32_t pieces; /* of it that are over, the time until its first byte included */
        ts_time start;
        ts_times passed; /* when the last piece is through HBM, 0 = none is on its way; and why */
        ts_node *node;
    } moving;
    int ring_pick; /* position of the one to serve first, -1 = none, and when, with the table's constants */
    ts_time ring_time;
    bool ring_is_known;
    ts_times engine_free[ts_engine_count], port_free[ts_port_count][ts_engine_count];
    ts_times *ring_free, *dma_free, hbm_free, end;
    ts_times share_free; /* with a sibling: when this core's bytes have passed HBM */
    ts_node *share_node;
    bool dma_is_split; /* DMA engines differ: each has its entry; otherwise entry 0 is all of theirs */
    uint32_t rotation; /* DMA engine that serves the next transfer's first share */
    uint8_t table;     /* in ScalarE after what was issued */
    ts_cause engine_cause[ts_engine_count], port_cause[ts_port_count][ts_engine_count], end_cause;
    ts_node **ring_node, **dma_node, *hbm_node;
    uint32_t live_nodes, node_limit;
    ts_time *charge_sums; /* scratch of merging: rows x bounds */

    ts_steady steady;

    /* tallies */
    ts_union dma_union;
    ts_time *queue_end;
    ts_record_queue *queue;
    uint32_t bins; /* allocated in record->series */
    bool is_shown; /* slices or a timeline are kept */
    bool used_divide, used_gpsimd, used_indexed, used_dma, used_float_to_int, used_control, used_collective,
        used_host;
} ts_clock;

#endif
