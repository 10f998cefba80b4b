/* State of the C interface for NKI kernels (include/trainstone/nki.h), shared by nki_door.c, nki_record.c and
   nki_peek.c. */
#ifndef TS_RUNTIME_NKI_DOOR_H
#define TS_RUNTIME_NKI_DOOR_H

#include "runtime/nki_plans.h"
#include "trainstone/nki.h"

struct ts_nki_device {
    ts_runtime *runtime;
    ts_nki_plans *plans;
};

/* A recording. As long as its calls equal those of a kept plan it has no recorder and just follows the plan.
   At the first call that differs it gets a recorder, in which the earlier calls are repeated. */
struct ts_nki {
    ts_nki_device *device;
    ts_journal journal;    /* of its calls; while it follows a plan, only of the current call */
    ts_recorder *recorder; /* NULL while it follows; its program goes to the executable at the end */
    ts_nki_plan *plan;     /* the plan that it follows; after ts_nki_finish, the plan that it became */
    size_t at;             /* bytes of the plan's journal that it has followed */
    bool has_ended;
    uint32_t tensors;          /* added by the caller */
    ts_executable *executable; /* after ts_nki_finish: the plan's, or in a pair its own */
    uint8_t *sealed;           /* after ts_nki_seal: the encoded kernel */
    size_t sealed_size;
    ts_diag *warnings; /* after ts_nki_seal, or when ending the recording failed */
    uint32_t warning_count;
    int cores; /* cores that share HBM; 0: one */
};

/* Copies the diag into the error. Returns 1. */
int ts_nki_tell(ts_nki_error *error, const ts_diag *diag);
/* Whether the call noted last equals the next one of a plan; *result is then what that call returned. */
bool ts_nki_follows(ts_nki *nki, uint32_t *result);
/* The recorder of a recording, made when it can no longer follow a plan. NULL, with an error, after the
   recording has ended. */
ts_recorder *ts_nki_recorder(ts_nki *nki, ts_nki_error *error);
/* Closes the journal entry of the call noted last, which returned `result`. */
void ts_nki_close_entry(ts_nki *nki, ts_status status, uint32_t result);
/* Ends a recording; its program becomes the executable's. */
ts_status ts_nki_make(ts_nki_device *device, ts_recorder *recorder, ts_executable **executable,
                      ts_diag *diag);
/* Runs all ranks of a kernel. data[r] is host memory by tensor of rank r; more[r], if more is not NULL,
   replaces that of the last tensor. */
ts_status ts_nki_execute(ts_executable *executable, void *const *const *data, void *const *more,
                         ts_diag *diag);

#endif
