/* Races of a program with sync=explicit: accesses of the same bytes, one of them a write, that no semaphore
   orders. Private to src/machine. */
#ifndef TS_MACHINE_CHECK_RACES_H
#define TS_MACHINE_CHECK_RACES_H

#include "arch/chip.h"
#include "machine/check.h"

/* Two code positions, as they met for the first time. */
typedef struct ts_race {
    ts_finding finding; /* of the later instruction; where: the first of what both may touch */
    uint32_t first;     /* position of the earlier one */
    int32_t
        parts; /* partitions and bytes from `finding.part` and `finding.byte` on that hold all they share */
    int64_t bytes;   /* in each of those partitions */
    bool writes[2];  /* the earlier one, the later one */
    char point[96];  /* " at %0=2": the trips */
    bool has_signal; /* the earlier one's engine or queue signals `semaphore` after it: `value` is enough. */
    uint16_t semaphore; /* Otherwise: one that nothing uses, and what it would be if the earlier one signalled
                           it */
    int64_t value;
    uint32_t amount; /* what one execution of the earlier one would add */
    uint32_t signal; /* position of what signals it */
} ts_race;

typedef struct ts_races {
    ts_arena arena;       /* owns the list */
    TS_VEC(ts_race) list; /* by the later instruction's position */
    bool is_cut;          /* there may be more */
} ts_races;

/* Walks the first `most` code positions of the program, loops unrolled, which has passed ts_program_verify.
   Nothing is found without sync=explicit. */
enum { TS_RACES_POSITIONS = 1 << 22 };
ts_status ts_races_find(const ts_program *program, const ts_chip *chip, int64_t most, ts_races *races,
                        ts_diag *diag);

/* Lines for a person, without the name of the check; the members of an object, without its braces. */
void ts_race_text(const ts_program *program, const ts_race *race, ts_text *out);
void ts_race_json(const ts_program *program, const ts_race *race, ts_text *out);

#endif
