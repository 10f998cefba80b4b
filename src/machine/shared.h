/* The memory that the processes of one program share: which processes are there, how far each member has
   come, what it offers, and who failed first (shared.c); and the meeting that is held in it
   (meeting_shared.c). Private to src/machine. */
#ifndef TS_MACHINE_SHARED_H
#define TS_MACHINE_SHARED_H

#include <pthread.h>
#include <stdalign.h>

#include "machine/engine.h"

/* A wait for other members looks this often whether they are still there and whether the run is cancelled. */
enum { TS_LOOK_MS = 50 };

/* A member's ts_offer for other processes, to which addresses mean nothing. The member's window holds the
   rows of groups and, from src_offset on, the bytes of src. */
typedef struct ts_note {
    uint32_t op;       /* of the instruction */
    uint8_t kind, alu; /* of a collective */
    uint8_t dtype;
    int64_t src_elems, dst_elems, rows, columns;
    uint64_t src_offset, bytes; /* of src in the window; of what the window holds */
} ts_note;

typedef struct ts_shared_member {
    /* Rounds that the member has come to; what it wrote before is visible. */
    alignas(64) atomic_uint_fast64_t rounds;
    ts_note note; /* valid until all have met again */
} ts_shared_member;

/* How much is known of the failure that ends the program for all. */
typedef enum ts_shared_failure { ts_failed_not, ts_failed_is_written, ts_failed_is_told } ts_shared_failure;

typedef struct ts_shared_area {
    atomic_uint changed; /* counts wake-ups; processes sleep on it */
    atomic_uint failure; /* ts_shared_failure */
    int failed_member;
    ts_diag story;
    struct {
        atomic_bool is_there;
        int32_t pid;
    } process[TS_MAX_RANKS];
    ts_shared_member member[TS_MAX_RANKS];
} ts_shared_area;

/* A member's window as this process has mapped it. */
typedef struct ts_shared_window {
    uint8_t *data;
    uint64_t bytes;
} ts_shared_window;

/* The shared memory as one process has it open. */
struct ts_shared {
    int file; /* anonymous memory; this process locks its byte number `process` for life */
    int process, processes, members;
    ts_shared_area *area;
    pthread_mutex_t lock; /* protects the windows */
    ts_shared_window window[TS_MAX_RANKS];
};

/* Wakes every process that sleeps. */
void ts_shared_wake(ts_shared *shared);
/* Sleeps until somebody wakes all, at most TS_LOOK_MS. `seen`: the value of `changed` before the caller
   looked at what it waits for. */
void ts_shared_sleep(ts_shared *shared, unsigned seen);
/* The number of a process that was there and has ended; -1: none. */
int ts_shared_gone(const ts_shared *shared);
ts_status ts_shared_gone_fail(const ts_shared *shared, int process, ts_diag *diag); /* ts_deadlock */
/* The window of a member, mapped with at least `bytes` bytes; NULL without memory. It stays until a larger
   one is asked for. */
uint8_t *ts_shared_window_of(ts_shared *shared, int member, uint64_t bytes);

/* meeting_shared.c: the functions of meeting.c where the members are in several processes. */
typedef struct ts_shared_meeting ts_shared_meeting;
ts_shared_meeting *ts_shared_meeting_new(ts_shared *shared);
void ts_shared_meeting_free(ts_shared_meeting *meeting);
ts_status ts_shared_meet(ts_shared_meeting *meeting, const ts_exec *exec, const ts_offer *offer);
const ts_offer *ts_shared_offer(const ts_shared_meeting *meeting, int reader, int member);
void ts_shared_show(ts_shared_meeting *meeting, const ts_exec *exec, const ts_rows *dst, int64_t first,
                    int64_t last);
ts_status ts_shared_meet_again(ts_shared_meeting *meeting, const ts_exec *exec);
ts_status ts_shared_meeting_leave(ts_shared_meeting *meeting, int member, ts_status status, ts_diag *diag);

#endif
