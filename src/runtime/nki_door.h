/* What the parts of the door to kernels share. */
#ifndef TS_RUNTIME_NKI_DOOR_H
#define TS_RUNTIME_NKI_DOOR_H

#include "runtime/nki_plans.h"
#include "trainstone/nki.h"

struct ts_nki_device {
    ts_runtime *runtime;
    ts_nki_plans *plans;
};

/* As long as its calls are just those that a kept plan came of, a recording has no recorder: it follows the
   plan. With the first other call it gets one, to which the calls before are made again. */
struct ts_nki {
    ts_nki_device *device;
    ts_journal journal;    /* of the calls; while it follows, of the open one alone */
    ts_recorder *recorder; /* its program goes to the executable when the recording ends */
    ts_nki_plan *plan;     /* that it follows; after ts_nki_finish what it became */
    size_t at;             /* bytes of the plan's journal that it has followed */
    bool has_ended;
    uint32_t tensors;          /* added by the caller */
    ts_executable *executable; /* after ts_nki_finish: the plan's, or in a pair one of its own */
    uint8_t *sealed;           /* after ts_nki_seal */
    size_t sealed_size;
    ts_diag *warnings; /* after ts_nki_seal, or where ending failed */
    uint32_t warning_count;
    int cores; /* that share HBM; 0: one */
};

/* 1, with the diag's story in the error. */
int ts_nki_tell(ts_nki_error *error, const ts_diag *diag);
/* Whether the call that was noted last is that of a plan at this place; *result is then what it gives. */
bool ts_nki_follows(ts_nki *nki, uint32_t *result);
/* Of a recording that does not follow any further; NULL, with an error, when it has ended. */
ts_recorder *ts_nki_recorder(ts_nki *nki, ts_nki_error *error);
/* The call that was noted last has done what it had to. */
void ts_nki_close_entry(ts_nki *nki, ts_status status, uint32_t result);
/* Ends a recording whose program becomes the executable's. */
ts_status ts_nki_make(ts_nki_device *device, ts_recorder *recorder, ts_executable **executable,
                      ts_diag *diag);
/* All ranks of it; data[r] by tensor, more[r]: of the last tensor, or more is NULL. */
ts_status ts_nki_execute(ts_executable *executable, void *const *const *data, void *const *more,
                         ts_diag *diag);

#endif
