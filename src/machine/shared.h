/* An area of memory that the processes of one program share: who is there, how far each member has come, what
   it comes with, and who failed first (shared.c); and the meeting that is held in it (meeting_shared.c). */
#ifndef TS_MACHINE_SHARED_H
#define TS_MACHINE_SHARED_H

#include <pthread.h>
#include <stdalign.h>

#include "machine/engine.h"

/* How often a wait for others looks whether they are still there, and whether the run is cancelled. */
enum { TS_LOOK_MS = 50 };

/* What a member of a meeting comes with, where addresses mean nothing to the others. Its window holds the
   rows of groups, then, from src_offset on, the bytes of src. */
typedef struct ts_note {
    uint32_t op;       /* of the instruction */
    uint8_t kind, alu; /* of a collective */
    uint8_t dtype;
    int64_t src_elems, dst_elems, rows, columns;
    uint64_t src_offset, bytes; /* in its window; of it */
} ts_note;

typedef struct ts_shared_member {
    alignas(64) atomic_uint_fast64_t rounds; /* that it has come to: all it wrote before is there */
    ts_note note;                            /* until all have met again */
} ts_shared_member;

/* What is written of the failure that ends the program for all. */
typedef enum ts_shared_failure { ts_failed_not, ts_failed_is_written, ts_failed_is_told } ts_shared_failure;

typedef struct ts_shared_area {
    atomic_uint changed; /* the processes sleep on it */
    atomic_uint failure; /* ts_shared_failure */
    int failed_member;
    ts_diag story;
    struct {
        atomic_bool is_there;
        int32_t pid;
    } process[TS_MAX_RANKS];
    ts_shared_member member[TS_MAX_RANKS];
} ts_shared_area;

/* A window of a member as this process sees it. */
typedef struct ts_shared_window {
    uint8_t *data;
    uint64_t bytes;
} ts_shared_window;

/* The area in one of its processes. */
struct ts_shared {
    int file; /* of anonymous memory; this process has the lock of byte number `process` as long as it lives
               */
    int process, processes, members;
    ts_shared_area *area;
    pthread_mutex_t lock; /* over the windows */
    ts_shared_window window[TS_MAX_RANKS];
};

void ts_shared_wake(ts_shared *shared);
/* Until somebody wakes all, at most TS_LOOK_MS; `seen` is what `changed` was before the caller looked.
 */
void ts_shared_sleep(ts_shared *shared, unsigned seen);
/* A process that was there and is no more; -1: none. */
int ts_shared_gone(const ts_shared *shared);
ts_status ts_shared_gone_fail(const ts_shared *shared, int process, ts_diag *diag); /* ts_deadlock */
/* The window of a member, of that many bytes at least; NULL: no memory. From then on until somebody asks for
   a larger one. */
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
