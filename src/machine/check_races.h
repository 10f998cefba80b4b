/* Races of a program with sync=explicit: two accesses of the same bytes, at least one of them a write, that
   no semaphore orders. Private to src/machine. */
#ifndef TS_MACHINE_CHECK_RACES_H
#define TS_MACHINE_CHECK_RACES_H

#include "arch/chip.h"
#include "machine/check.h"

/* A race between two code positions, as first found. */
typedef struct ts_race {
    ts_finding finding; /* of the later instruction; its place is the first byte that both may touch */
    uint32_t first;     /* code position of the earlier one */
    /* `parts` partitions of `bytes` bytes each, from finding.part and finding.byte on, hold all that both
       touch. */
    int32_t parts;
    int64_t bytes;
    bool writes[2]; /* whether the earlier and the later one write */
    char point[96]; /* loop counters of the later access, such as " at %0=2" */
    /* True: the source of the earlier one signals `semaphore` after it, and waiting for `value` orders the
       two. False: `semaphore` is one that nothing uses, and would have `value` if the earlier one signalled
       it. */
    bool has_signal;
    uint16_t semaphore;
    int64_t value;
    uint32_t amount; /* without a signal: what one execution of the earlier one would add */
    uint32_t signal; /* with one: code position of the instruction that signals */
} ts_race;

typedef struct ts_races {
    ts_arena arena;       /* owns the list */
    TS_VEC(ts_race) list; /* in order of the later instruction's code position */
    bool is_cut;          /* the search stopped early: there may be more races */
} ts_races;

/* Searches the first `most` instructions of the program with its loops unrolled; the program must have passed
   ts_program_verify. Finds nothing without sync=explicit. The caller frees races->arena. ts_system without
   host memory. */
enum { TS_RACES_POSITIONS = 1 << 22 }; /* `most` for the check of a run */
ts_status ts_races_find(const ts_program *program, const ts_chip *chip, int64_t most, ts_races *races,
                        ts_diag *diag);

/* Appends a race: as lines for a person, without the name of the check; and as members of a JSON object,
   without its braces. */
void ts_race_text(const ts_program *program, const ts_race *race, ts_text *out);
void ts_race_json(const ts_program *program, const ts_race *race, ts_text *out);

#endif
