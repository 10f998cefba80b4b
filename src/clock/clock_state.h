/* The clock's data during a run: instants and their causes, costs, events and who waits for them, lanes, and
   ts_clock, which holds all of it. clock_core.h has the functions. */
#ifndef TS_CLOCK_CLOCK_STATE_H
#define TS_CLOCK_CLOCK_STATE_H

#include "clock/clock_places.h"

enum {
    TS_CLOCK_RINGS = 256,       /* queue numbers a program may name */
    TS_CLOCK_DMA_ENGINES = 256, /* most DMA engines that a chip may have */
    TS_CLOCK_WINDOW = 1024,     /* most instructions that are fetched and wait for their times */
    TS_CLOCK_VISITS = 8192,     /* visits that a log remembers exactly; beyond that, old ones are merged */
    TS_CLOCK_SIGNS = 16         /* recent trips of a loop whose state is remembered by a hash */
};

/* Ports that two engines share, of which only one can use it at a time. */
typedef enum ts_port {
    ts_port_sbuf, /* VectorE or GpSimdE (ARCH:596) */
    ts_port_psum, /* VectorE or ScalarE (ARCH:597) */
    ts_port_count
} ts_port;

/* Time on the critical path, in picoseconds, that is charged to one row and one bound. */
typedef struct ts_charge {
    uint32_t row, bound;
    ts_time amount;
} ts_charge;

/* How an instant follows from the instant before it. */
typedef enum ts_cause_kind {
    ts_cause_engine,  /* an engine or port was held for the occupancy */
    ts_cause_same,    /* a result of the same engine was awaited */
    ts_cause_ready,   /* a result or the last access of another engine was awaited */
    ts_cause_result,  /* a result that nobody waits for: the end of the run */
    ts_cause_done,    /* a transfer's completion was awaited */
    ts_cause_arrival, /* a transfer's last byte, which took its time from its issue on */
    ts_cause_turn,    /* the same, but from when what it waited for was free */
    ts_cause_other    /* only the node's own charges */
} ts_cause_kind;

/* An instant on some path from the launch: the parent's instant plus the node's charges. References to a node
   are counted: its children, and whoever may still wait for this instant. Since most nodes are dropped before
   anybody reads their charges, ts_node_charges works these out on demand. */
enum { TS_NODE_CHARGES = 3 }; /* most charges of a node that was not merged */
typedef struct ts_node {
    _Alignas(64) struct ts_node *parent; /* a node fills one cache line of the host */
    const struct ts_step *step;          /* the instruction to charge; NULL: only `amount` is charged */
    union {
        ts_charge *many; /* if charges > 0: those of a chain of nodes merged into this one, malloc'ed */
        ts_time amount;  /* else: one more charge, or the time of a transfer's descriptors */
    };
    ts_time span;           /* sum of the charges; 0 until it is needed unless the node is a transfer's */
    uint32_t charges, refs; /* number of merged charges; references */
    uint32_t row;           /* of the one more charge */
    uint32_t anchor, mark; /* 1 + number of the first reference to it in a steady state's snapshot, and in the
                              comparison with that; 0 = none */
    uint8_t kind, bound;   /* ts_cause_kind; bound of the one more charge */
    bool is_inner;         /* scratch for merging */
} ts_node;

/* The costs of an instruction in one set of constants. */
typedef struct ts_set_costs {
    ts_time occupancy; /* how long it holds its engine */
    union {
        struct {
            ts_time stream;    /* the cost formula, from the start on */
            ts_time latency;   /* from the end of `stream` to the result */
            ts_time dependent; /* from the end of the occupancy to a reader on the same engine */
        };
        struct {                                /* of a transfer */
            ts_time descriptor_time, byte_time; /* time of a row on a DMA engine */
            ts_time hbm_time;                   /* time of all bytes in HBM */
        };
        struct {                           /* of a collective */
            ts_time start_time, move_time; /* until the first byte moves, and from then on */
            ts_time pass_time;             /* time of its bytes in HBM */
            ts_time engine_time;           /* time for which each DMA engine is occupied */
        };
    };
} ts_set_costs;

/* How much one execution moves and computes. */
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

/* The shape and number of partitions of an operand at one choice of counts. */
typedef struct ts_extent {
    const ts_shape *shape;
    int32_t parts;
} ts_extent;

/* One code position at one choice of its ragged counts: its costs and properties. */
typedef struct ts_step {
    struct ts_step *next;
    ts_extent *extents;         /* one for each access, if any operand is ragged; else NULL */
    uint64_t count;             /* executions so far */
    uint64_t counts;            /* hash of the counts */
    uint64_t space_bytes[2][2]; /* [SBUF, PSUM][read, written] in one execution */
    uint32_t row, inst;         /* index of its ts_clock_row; position in code */
    uint8_t engine, engine_bit; /* engine_bit: 1 << engine */
    uint8_t own;     /* the log that its accesses go to: its engine's, or ts_engine_none for a transfer */
    uint8_t logs[2]; /* [is_write]: bit per log that such an access searches */
    bool is_timed;   /* its reads wait for results of its own engine */
    bool is_dma;     /* a transfer or a collective: its engine only triggers it */
    bool is_fp32;
    bool is_indexed; /* an index picks some operand's place */
    bool is_turned;  /* the DMA transposes */
    bool is_control; /* a `leave` */
    bool is_wait;    /* the sequencer waits for a semaphore or for the other core */
    bool is_collective;
    uint16_t queue;               /* of a transfer; for a collective, the number of the collectives' stream */
    uint16_t pieces;              /* of a collective; they pass HBM one after the other */
    int64_t link_bytes;           /* of a collective: bytes that the rank sends to other chips */
    bool is_listed;               /* may be issued out of order with others that may */
    bool port[ts_port_count];     /* ports that it holds while it runs */
    int32_t shares;               /* DMA engines over which a transfer is spread */
    int32_t rows, rows_per_share; /* partitions of a transfer, and of each share but the last; HBM to HBM: 1
                                     per share */
    ts_amounts amounts;
    ts_set_costs of[]; /* one for each set in use */
} ts_step;

/* One operand of a member of a burst, and the bytes that it touches there. */
typedef struct ts_touch {
    const ts_access *access;
    ts_place place;
} ts_touch;

/* An instruction of a burst. */
enum { TS_MEMBER_TOUCHES = 3 /* most operands */, TS_BURST_MOST = 12 /* members */ };
typedef struct ts_member {
    ts_step *step;
    uint8_t touches;
    ts_touch touch[TS_MEMBER_TOUCHES]; /* its reads, then its writes */
} ts_member;

/* Instructions of TensorE of which each directly follows the one before, in program order and in time:
   nothing that only a later one touches can delay it. One event stands for all of them; its times are the
   last one's. */
typedef struct ts_burst {
    ts_node *first; /* once it has its times: the first member's start (held) */
    uint32_t next;  /* while it is free: the next free one of its size, as ts_event.burst */
    uint32_t count; /* members */
    ts_member member[];
} ts_burst;

/* Why an instant is not earlier: the node of the instant before it, and the instruction between the two. */
typedef struct ts_cause {
    ts_node *node; /* held; NULL: the launch */
    const ts_step *step;
    uint64_t sequence : 56; /* sequence number of the execution */
    uint64_t kind : 8;      /* ts_cause_kind */
} ts_cause;

/* What a consumer waits for in a producer. */
typedef enum ts_wait {
    ts_wait_ready, /* a result, or a transfer's end */
    ts_wait_reuse, /* the same, in order to overwrite memory */
    ts_wait_same,  /* a result of the same engine */
    ts_wait_issue  /* only its issue: two instructions of one engine that must keep their order */
} ts_wait;

/* A dependence of an event on one that has no times yet; the producer lists its edges. */
typedef struct ts_edge {
    struct ts_edge *next;
    ts_event *consumer;
    ts_wait wait;
    uint32_t later; /* members of the producer's burst behind the one that is waited for */
} ts_edge;

/* The times of an event in one set of constants. */
typedef struct ts_event_times {
    union {
        ts_time earliest; /* before it is done: earliest start by its dependences; end of a DMA's trigger */
        ts_time ready;    /* when done: earliest start of dependents on other engines */
    };
    ts_time same; /* when done: earliest start of dependents on its own engine */
} ts_event_times;

/* An executed instruction, from its fetch until nobody can wait for it any more. With three sets an event
   fills two cache lines of the host; whether it still matters is decided by the second alone. */
struct ts_event {
    ts_event *next; /* in its lane */
    const ts_step *step;
    ts_edge *edges; /* those who wait for its times */
    uint64_t sequence;
    union {
        ts_cause cause; /* before it is done: of `earliest` in the set asked for */
        ts_node *node;  /* when done: an instruction's start, a transfer's last byte (held) */
    };
    uint32_t refs;  /* visits, remembered signals, and one until it is done */
    uint32_t waits; /* producers whose times are not known yet */
    uint32_t mark;  /* 1 + its number in the current walk (clock_walk.c); 0 = none */
    union {
        uint32_t
            signals; /* sync=explicit: 1 + the semaphore that it signals; 0 = none that anything waits for */
        uint32_t burst; /* else: 1 + the number of its burst; 0 = it is a single instruction */
    };
    uint8_t table;      /* the function table an activation needs, 0 = any */
    uint8_t awaited[2]; /* bit per engine that waits for `ready`: [0] for a result, [1] to overwrite */
    bool is_done, loads_table, is_watched;
    ts_event_times of[]; /* one for each set in use */
};

/* A signal that something may still wait for: the semaphore's value after it, and the event that gives it. */
typedef struct ts_signal {
    int64_t value;
    ts_event *event; /* held */
} ts_signal;

typedef struct ts_semaphore {
    TS_VEC(ts_signal) signals; /* in program order; those before `first` are forgotten */
    uint32_t first;
    uint32_t waiters;         /* bit per engine that waits for it somewhere in the program */
    int64_t count, forgotten; /* its value after all fetched signals, after the forgotten ones */
    ts_times latest;          /* latest time of the signals that have their times */
    ts_node *node;            /* the node of `latest` (held) */
} ts_semaphore;

/* Events that an engine, or a DMA queue, has not issued or served yet, in order. */
typedef struct ts_lane {
    ts_event *head, *tail;
    ts_event *pick, *before; /* the event that can start first, and the one in front of it in the lane */
    ts_time start;           /* start of `pick` with the table's constants; INT64_MAX: there is no pick */
    int32_t count;           /* events in the lane */
} ts_lane;

/* One code position. */
typedef struct ts_code {
    ts_access *accesses; /* in the order of ts_inst_operands */
    ts_step *steps, *latest;
    uint32_t row;
    int8_t access_count;
    int8_t moving_count, tracked_count, reading_count;
    uint8_t moving[TS_MAX_OPERANDS];  /* accesses whose place depends on loop counters */
    uint8_t tracked[TS_MAX_OPERANDS]; /* accesses of tracked storages: reading_count reads, then the writes */
    uint8_t table;                    /* function table an activation needs, 0 = any */
    bool is_ready, is_ragged;         /* set up at the first execution; some count is ragged */
    bool is_member;                   /* it can be a member of a burst */
} ts_code;

/* A pool of items of one size: blocks in the clock's arena, and a list of the free items. */
typedef struct ts_slab {
    TS_VEC(char *) blocks;
    uint32_t used; /* items of the last block that have been given out */
    void *free;    /* first free item, whose first word points to the next */
} ts_slab;
enum {
    TS_SLAB_FEWEST = 64,   /* items of the first block */
    TS_SLAB_EQUAL = 4,     /* blocks of one size before the size doubles */
    TS_SLAB_DOUBLINGS = 4, /* most doublings */
    TS_SLAB_LINE = 64,     /* bytes of a cache line of the host, on which blocks begin */
    TS_CLOCK_SHAPES = 256, /* buckets of the table of shapes */
    TS_CLOCK_PAIRS = 256   /* entries of the cache of pairs */
};

/* The length of a union of intervals that arrive roughly in order. Only the latest gaps are kept: an interval
   that arrives later than that counts only from `closed` on. */
enum { TS_UNION_GAPS = 32 };
typedef struct ts_union {
    ts_time start[TS_UNION_GAPS + 1], end[TS_UNION_GAPS + 1];
    int count;
    ts_time sum, closed; /* length of the union up to `closed`; earlier times count no more */
} ts_union;

/* The instructions of one (engine, op, source line, innermost loop). Their totals are made at the end, in the
   record. */
typedef struct ts_clock_row {
    uint32_t loc, loop; /* loop: 1 + index; 0 = none */
    uint16_t op;
    uint8_t engine;
    bool is_noted;   /* the assumptions that its first instruction leans on are noted */
    ts_time loading; /* time spent loading function tables */
} ts_clock_row;

/* Whether trips of a top-level loop may be jumped over. Found when needed, and again after trip `last`. */
typedef struct ts_repeat {
    bool is_known, is_able;
    bool is_placed;   /* the places that its operands touch have been checked, and allow it */
    uint32_t engines; /* bit per engine that has work in it up to `last` */
    int64_t period;   /* trips after which all rotations are back at the same slot */
    int64_t last;     /* up to this trip, ragged counts stay full or 0; if it is past, one is neither */
} ts_repeat;

/* The search for a steady state of the current top-level loop, and the snapshot of the clock, relative to the
   start of a trip, that later trips are compared with. */
typedef struct ts_steady {
    ts_repeat *repeat;             /* per loop */
    bool is_off, is_active;        /* every trip is stepped; there is a snapshot */
    uint32_t snapshots;            /* taken of this loop */
    uint64_t sign[TS_CLOCK_SIGNS]; /* hashes of the state at the last trips, a ring */
    uint32_t signs, rotation;      /* hashes taken; the clock's rotation at the snapshot */
    int64_t trip, period, next; /* trip of the snapshot; trips until it is compared; no new snapshot before */
    uint64_t entered, sequence; /* instructions fetched before the loop, and before the snapshot */
    ts_time floor[TS_CLOCK_SETS];
    TS_VEC(int64_t) words;     /* the state, as ts_walk_save wrote it */
    TS_VEC(ts_node *) pins;    /* its nodes (held) */
    TS_VEC(ts_node **) places; /* references to nodes in the state that is compared with it */
    TS_VEC(ts_event *) events; /* events that the current walk has met */
    /* Totals at the snapshot: */
    ts_time busy[ts_engine_count];
    uint64_t conservative_waits;
    ts_time union_length, collective_busy;
    TS_VEC(uint64_t) counts; /* of all steps */
    TS_VEC(ts_time) loading; /* of all rows */
    TS_VEC(ts_record_loop) loops;
    ts_record_queue *queue;
} ts_steady;

/* All state of the run of one core. */
typedef struct ts_clock {
    const ts_program *program;
    ts_record *record;
    ts_diag *diag;
    bool has_sibling;         /* another core is clocked together with this one */
    struct ts_clock *sibling; /* its clock; NULL until that exists */
    /* By number. A signal is held until the sibling's core_wait is fetched, and NULL from then on; a wait is
       valid until the sibling's core_signal is fetched. */
    TS_VEC(ts_event *) core_signals;
    TS_VEC(ts_event *) core_waits;
    uint64_t instruction_cap;
    uint32_t slice_cap, path_cap;
    ts_watch watch;
    ts_arena arena;
    ts_slab events, edges, nodes, logs, tables; /* tables: ts_site.log */
    ts_access *spare;                           /* accesses that no code position has yet */
    uint32_t spares;                            /* how many these are */
    ts_visit *circles[32];                      /* free rings of visits, by log2 of their size */
    ts_visit *cut;                              /* visits that have not been part of a ring yet */
    uint32_t uncut;                             /* how many these are */
    uint32_t log_size;                          /* log2 of the size of a log's first ring */

    /* sets of constants, as times */
    int sets, asked; /* number of sets; the set of the chip asked for, which is reported */
    ts_chip *chip;   /* one for each set */
    ts_time dependent[TS_CLOCK_SETS][ts_engine_count];
    ts_time semaphore[TS_CLOCK_SETS], first_byte[TS_CLOCK_SETS], completion[TS_CLOCK_SETS];
    ts_time queue_floor[TS_CLOCK_SETS], table_load[TS_CLOCK_SETS], launch[TS_CLOCK_SETS];
    ts_what_if what_if[TS_CLOCK_SETS];
    bool has_what_ifs, frees_reuse;               /* there are what-ifs; one of them has TS_FREE_REUSE */
    bool has_free_ports[TS_CLOCK_SETS];           /* engines do not exclude each other on ports */
    int dma_engines[TS_CLOCK_SETS], most_engines; /* number of DMA engines; the largest of these */
    uint16_t *ring_of[TS_CLOCK_SETS];             /* hardware queue that serves a queue of the program */

    /* fetching */
    ts_code *code;
    int64_t *counters, *trips;
    const ts_trace *trace;
    ts_trace_reader trace_at;
    uint64_t assumed_trips; /* trips of a loop that data ends, where no trace tells */
    struct {                /* the value that the sequencers hold in a register since the last `leave` */
        bool is_valid;
        uint32_t storage;
        ts_place place;
    } held;
    struct { /* a run of TensorE's instructions before pc, of which those from `at` on have no event yet */
        uint32_t at, count;
        ts_member member[TS_BURST_MOST];
    } ahead;
    struct {                          /* the latest burst that has its times */
        uint32_t count;               /* members */
        ts_time start[TS_BURST_MOST]; /* with the table's constants */
    } issued;
    bool has_bursts;         /* such runs may be bursts */
    uint32_t free_bursts[8]; /* by log2 of the most members */
    TS_VEC(ts_burst *) bursts;
    uint32_t pc;       /* next code position to fetch */
    uint64_t sequence; /* instructions fetched so far */
    uint32_t pending;  /* of these, how many have no times yet */
    TS_VEC(ts_clock_row) rows;
    uint32_t first_row, end_row; /* with a sibling: this core's rows; others, but row 0, are the sibling's */
    TS_VEC(ts_step *) steps;

    /* regions */
    uint32_t *storage_of, *site_of; /* per tensor */
    ts_storage *storages;
    ts_site *sites; /* all of SBUF, all of PSUM, tiles, tensors */
    uint32_t site_count;
    bool is_ordered;            /* in every set, an engine's results come in the order of issue */
    TS_VEC(ts_reaches) reaches; /* scratch for deciding whether trips of a loop may be jumped over */
    uint32_t storage_count;
    TS_VEC(ts_found) found;                    /* scratch for merging visits */
    uint32_t since;                            /* only code from this position on may still be fetched */
    bool has_leaves;                           /* the program has a `leave` */
    uint32_t coming;                           /* bit per engine that has code from `since` on */
    uint32_t last[ts_engine_count];            /* 1 + the last code position of each engine; 0 = none */
    uint32_t ticks;                            /* 1 + calls of ts_sites_tick */
    ts_time *users_free[1 << ts_engine_count]; /* per set of engines: the time before which none can start, */
    uint32_t users_tick[1 << ts_engine_count]; /* and the tick at which that was found */
    ts_shape *shapes[TS_CLOCK_SHAPES];         /* by hash */
    ts_pair pairs[TS_CLOCK_PAIRS];             /* the latest pair of each hash */

    /* sync=explicit */
    bool is_explicit;
    ts_semaphore *semaphores;

    /* lanes, and when each shared resource is free and why */
    int window; /* instructions of an engine that may overtake each other; 1 = program order */
    ts_lane engine[ts_engine_count], *ring;
    uint32_t unpicked, idle; /* bit per engine whose `pick` is out of date, whose lane is empty */
    struct {                 /* the instruction or transfer that goes next, with the table's constants */
        bool is_known;
        int engine, ring; /* ring: position in ring_list, or -1 for the pick of `engine` */
        ts_time time;
    } next;
    uint16_t *ring_list; /* the `rings` queues in which a transfer waits */
    int rings, queues;   /* queues: those of the program, and the stream of its collectives as the last one */
    int stream;          /* number of that stream; -1: there are no collectives */
    struct {             /* the collective that the stream is working on */
        uint32_t pieces; /* pieces that are over, counting the time until the first byte as one */
        ts_time start;
        ts_times passed; /* when the latest piece has passed HBM; 0 = none is on its way */
        ts_node *node;   /* the node of `passed` (held) */
    } moving;
    int ring_pick;      /* position in ring_list of the queue to serve first; -1 = none */
    ts_time ring_time;  /* when it could be served, with the table's constants */
    bool ring_is_known; /* both are up to date */
    ts_times engine_free[ts_engine_count], port_free[ts_port_count][ts_engine_count];
    ts_times *ring_free, *dma_free, hbm_free, end;
    ts_times share_free; /* with a sibling: when all bytes of this core have passed HBM */
    ts_node *share_node;
    bool dma_is_split; /* each DMA engine has its entry of dma_free; else entry 0 stands for all of them */
    uint32_t rotation; /* the DMA engine of the next transfer's first share */
    uint8_t table;     /* the function table in ScalarE after all instructions issued so far */
    ts_cause engine_cause[ts_engine_count], port_cause[ts_port_count][ts_engine_count], end_cause;
    ts_node **ring_node, **dma_node, *hbm_node;
    uint32_t live_nodes, node_limit; /* nodes in use; at more than the limit, chains are merged */
    ts_time *charge_sums;            /* scratch for adding up charges: [row][bound], all 0 between uses */

    ts_steady steady;

    /* tallies */
    ts_union dma_union;
    ts_time *queue_end; /* per queue: end of its last slice */
    ts_record_queue *queue;
    uint32_t bins; /* allocated in record->series; 0 = no timeline */
    bool is_shown; /* slices or a timeline are kept */
    /* The program has done this, so that the record must list the assumptions behind it: */
    bool used_divide, used_gpsimd, used_indexed, used_dma, used_float_to_int, used_control, used_collective,
        used_host;
} ts_clock;

#endif
