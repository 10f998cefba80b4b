/* Slots that nothing here needs: execution contexts have no state, there are no receive streams, and
   processes need no information about each other. */
#include <stdlib.h>

#include "pjrt/pjrt_objects.h"

struct PJRT_ExecuteContext {
    char unused;
};

PJRT_Error *ts_pjrt_ExecuteContext_Create(PJRT_ExecuteContext_Create_Args *args) {
    TS_PJRT_NEED(args, context);
    args->context = calloc(1, sizeof *args->context);
    return args->context ? NULL
                         : ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a context");
}

PJRT_Error *ts_pjrt_ExecuteContext_Destroy(PJRT_ExecuteContext_Destroy_Args *args) {
    TS_PJRT_NEED(args, context);
    free(args->context);
    return NULL;
}

/* A rank that waits in a collective notices by itself whether the others are alive. */
PJRT_Error *ts_pjrt_Client_UpdateGlobalProcessInfo(void *args) {
    (void)args;
    return NULL;
}

static PJRT_Error *no_streams(void) {
    return ts_pjrt_unimplemented("streams from host callbacks", "remove the callback from the program");
}

PJRT_Error *ts_pjrt_CopyToDeviceStream_Destroy(PJRT_CopyToDeviceStream_Destroy_Args *args) {
    TS_PJRT_NEED(args, stream);
    return args->stream ? no_streams() : NULL;
}

PJRT_Error *ts_pjrt_CopyToDeviceStream_AddChunk(PJRT_CopyToDeviceStream_AddChunk_Args *args) {
    (void)args;
    return no_streams();
}

PJRT_Error *ts_pjrt_CopyToDeviceStream_TotalBytes(PJRT_CopyToDeviceStream_TotalBytes_Args *args) {
    (void)args;
    return no_streams();
}

PJRT_Error *ts_pjrt_CopyToDeviceStream_GranuleSize(PJRT_CopyToDeviceStream_GranuleSize_Args *args) {
    (void)args;
    return no_streams();
}

PJRT_Error *ts_pjrt_CopyToDeviceStream_CurrentBytes(PJRT_CopyToDeviceStream_CurrentBytes_Args *args) {
    (void)args;
    return no_streams();
}
