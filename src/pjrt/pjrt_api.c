/* The plugin's table of functions, and the symbol that frameworks look up. */
#include "pjrt/pjrt_api.h"

const PJRT_Api *GetPjrtApi(void) {
    static const PJRT_Api api = {
        .struct_size = TS_PJRT_API_BYTES,
        .pjrt_api_version =
            {
                .struct_size = sizeof api.pjrt_api_version,
                .major_version = TS_PJRT_MAJOR,
                .minor_version = TS_PJRT_MINOR,
            },
        .PJRT_Error_Destroy = ts_pjrt_Error_Destroy,
        .PJRT_Error_Message = ts_pjrt_Error_Message,
#define S(slot) .PJRT_##slot = ts_pjrt_##slot,
        TS_PJRT_SLOTS(S)
#undef S
            .PJRT_Client_UpdateGlobalProcessInfo = ts_pjrt_Client_UpdateGlobalProcessInfo,
    };
    return &api;
}
