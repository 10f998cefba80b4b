/* What the parts of the door to kernels share. */
#ifndef TS_RUNTIME_NKI_DOOR_H
#define TS_RUNTIME_NKI_DOOR_H

#include "nki/recorder.h"
#include "runtime/executable.h"
#include "trainstone/nki.h"

struct ts_nki_device {
    ts_runtime *runtime;
};

struct ts_nki {
    ts_nki_device *device;
    ts_recorder *recorder;     /* its program goes to the executable when the recording ends */
    uint32_t tensors;          /* added by the caller */
    ts_executable *executable; /* after ts_nki_finish */
    uint8_t *sealed;           /* after ts_nki_seal */
    size_t sealed_size;
    ts_diag *warnings; /* after either */
    uint32_t warning_count;
    int cores; /* that share HBM; 0: one */
};

/* 1, with the diag's story in the error. */
int ts_nki_tell(ts_nki_error *error, const ts_diag *diag);
/* NULL, with an error, when the recording has ended. */
ts_recorder *ts_nki_recorder(ts_nki *nki, ts_nki_error *error);
/* Ends a recording whose program becomes the executable's. */
ts_status ts_nki_make(ts_nki_device *device, ts_recorder *recorder, ts_executable **executable,
                      ts_diag *diag);
/* All ranks of it; data[r] by tensor, more[r]: of the last tensor, or more is NULL. */
ts_status ts_nki_execute(ts_executable *executable, void *const *const *data, void *const *more,
                         ts_diag *diag);

#endif
