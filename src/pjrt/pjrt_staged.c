/* Staged transfers: a framework asks for buffers first and fills them piece by piece. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

typedef struct ts_staged {
    ts_shape shape;
    ts_storage *storage;
    ts_signal *ready;
    PJRT_Buffer *buffer; /* NULL: retrieved */
    bool is_set;         /* its signal was set: the buffer is filled, or failed */
} ts_staged;

struct PJRT_AsyncHostToDeviceTransferManager {
    PJRT_Device *device;
    PJRT_Client *client;
    pthread_mutex_t lock; /* guards is_set and buffer of each */
    int count;
    ts_staged staged[];
};

typedef PJRT_AsyncHostToDeviceTransferManager ts_manager;

static void manager_free(ts_manager *manager) {
    for (int i = 0; i < manager->count; i++) {
        ts_staged *staged = &manager->staged[i];
        if (staged->ready && !staged->is_set)
            ts_signal_set_error(staged->ready, PJRT_CANCELLED,
                                "cancelled: the transfer was given up before its end");
        ts_buffer_free(staged->buffer);
        ts_signal_release(staged->ready);
        ts_storage_release(staged->storage);
    }
    pthread_mutex_destroy(&manager->lock);
    PJRT_Client *client = manager->client;
    free(manager);
    ts_client_release(client);
}

static ts_status stage(PJRT_Device *device, const PJRT_ShapeSpec *spec, ts_staged *staged, ts_diag *diag) {
    TS_TRY(ts_shape_make(spec->element_type, spec->dims, spec->num_dims, &staged->shape, diag));
    TS_TRY(ts_storage_new(device, staged->shape.bytes, &staged->storage, diag));
    staged->ready = ts_signal_new();
    if (staged->ready)
        staged->buffer = ts_buffer_new(device, &staged->shape, ts_signal_retain(staged->ready),
                                       ts_storage_retain(staged->storage));
    return staged->buffer ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for a buffer");
}

static ts_status manager_new(const PJRT_Client_CreateBuffersForAsyncHostToDevice_Args *args,
                             ts_manager **manager, ts_diag *diag) {
    PJRT_Device *device =
        args->memory ? args->memory->device : args->client->device_list[args->client->first];
    for (size_t i = 0; i < args->num_device_layouts; i++)
        if (args->device_layouts[i])
            return ts_fail(diag, ts_unsupported, "a device layout for a staged transfer");
    ts_manager *made = calloc(1, sizeof *made + args->num_shape_specs * sizeof *made->staged);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a transfer");
    made->device = device;
    made->client = ts_client_retain(device->client);
    made->count = (int)args->num_shape_specs;
    pthread_mutex_init(&made->lock, NULL);
    for (int i = 0; i < made->count; i++) {
        ts_status status = stage(device, &args->shape_specs[i], &made->staged[i], diag);
        if (status == ts_ok) continue;
        manager_free(made);
        return status;
    }
    *manager = made;
    return ts_ok;
}

PJRT_Error *
ts_pjrt_Client_CreateBuffersForAsyncHostToDevice(PJRT_Client_CreateBuffersForAsyncHostToDevice_Args *args) {
    TS_PJRT_NEED(args, transfer_manager);
    if (ts_client_is_foreign(args->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    return ts_pjrt_error_from(manager_new(args, &args->transfer_manager, &diag), &diag);
}

PJRT_Error *
ts_pjrt_AsyncHostToDeviceTransferManager_Destroy(PJRT_AsyncHostToDeviceTransferManager_Destroy_Args *args) {
    TS_PJRT_NEED(args, transfer_manager);
    if (args->transfer_manager && !ts_client_is_foreign(args->transfer_manager->client))
        manager_free(args->transfer_manager);
    return NULL;
}

static ts_status find(ts_manager *manager, int index, ts_staged **staged, ts_diag *diag) {
    if (index < 0 || index >= manager->count)
        return ts_fail(diag, ts_usage, "buffer %d of a transfer of %d", index, manager->count);
    *staged = &manager->staged[index];
    return ts_ok;
}

/* Whether the caller is the one to end the transfer of this buffer; true once. */
static bool claim_end(ts_manager *manager, ts_staged *staged) {
    pthread_mutex_lock(&manager->lock);
    bool is_mine = !staged->is_set;
    staged->is_set = true;
    pthread_mutex_unlock(&manager->lock);
    return is_mine;
}

static ts_status transfer(PJRT_AsyncHostToDeviceTransferManager_TransferData_Args *args, ts_diag *diag) {
    ts_staged *staged = NULL;
    TS_TRY(find(args->transfer_manager, args->buffer_index, &staged, diag));
    size_t bytes = staged->shape.bytes;
    if (args->offset < 0 || args->transfer_size < 0 || (size_t)args->offset > bytes ||
        (size_t)args->transfer_size > bytes - (size_t)args->offset)
        return ts_fail(diag, ts_usage, "bytes %" PRId64 " to %" PRId64 " of a buffer of %zu", args->offset,
                       args->offset + args->transfer_size, bytes);
    if (ts_signal_is_ready(staged->ready))
        return ts_fail(diag, ts_usage, "a piece after the last one of a transfer");
    args->done_with_h2d_transfer = ts_pjrt_event_new(args->transfer_manager->client->ready);
    if (!args->done_with_h2d_transfer) return ts_fail(diag, ts_capacity, "no host memory for an event");
    memcpy((char *)staged->storage->host + args->offset, args->data, (size_t)args->transfer_size);
    if (args->is_last_transfer && claim_end(args->transfer_manager, staged))
        ts_signal_set(staged->ready, ts_ok, NULL);
    return ts_ok;
}

PJRT_Error *ts_pjrt_AsyncHostToDeviceTransferManager_TransferData(
    PJRT_AsyncHostToDeviceTransferManager_TransferData_Args *args) {
    TS_PJRT_NEED(args, done_with_h2d_transfer);
    if (ts_client_is_foreign(args->transfer_manager->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    return ts_pjrt_error_from(transfer(args, &diag), &diag);
}

PJRT_Error *ts_pjrt_AsyncHostToDeviceTransferManager_RetrieveBuffer(
    PJRT_AsyncHostToDeviceTransferManager_RetrieveBuffer_Args *args) {
    TS_PJRT_NEED(args, buffer_out);
    ts_diag diag = {0};
    ts_staged *staged = NULL;
    ts_status status = find(args->transfer_manager, args->buffer_index, &staged, &diag);
    if (status == ts_ok) {
        pthread_mutex_lock(&args->transfer_manager->lock);
        args->buffer_out = staged->buffer;
        staged->buffer = NULL;
        pthread_mutex_unlock(&args->transfer_manager->lock);
        if (!args->buffer_out)
            status = ts_fail(&diag, ts_usage, "buffer %d was retrieved before", args->buffer_index);
    }
    return ts_pjrt_error_from(status, &diag);
}

PJRT_Error *
ts_pjrt_AsyncHostToDeviceTransferManager_Device(PJRT_AsyncHostToDeviceTransferManager_Device_Args *args) {
    TS_PJRT_NEED(args, device_out);
    args->device_out = args->transfer_manager->device;
    return NULL;
}

PJRT_Error *ts_pjrt_AsyncHostToDeviceTransferManager_BufferCount(
    PJRT_AsyncHostToDeviceTransferManager_BufferCount_Args *args) {
    TS_PJRT_NEED(args, buffer_count);
    args->buffer_count = (size_t)args->transfer_manager->count;
    return NULL;
}

PJRT_Error *ts_pjrt_AsyncHostToDeviceTransferManager_BufferSize(
    PJRT_AsyncHostToDeviceTransferManager_BufferSize_Args *args) {
    TS_PJRT_NEED(args, buffer_size);
    ts_diag diag = {0};
    ts_staged *staged = NULL;
    ts_status status = find(args->transfer_manager, args->buffer_index, &staged, &diag);
    if (status == ts_ok) args->buffer_size = staged->shape.bytes;
    return ts_pjrt_error_from(status, &diag);
}

PJRT_Error *ts_pjrt_AsyncHostToDeviceTransferManager_SetBufferError(
    PJRT_AsyncHostToDeviceTransferManager_SetBufferError_Args *args) {
    TS_PJRT_NEED(args, error_message_size);
    if (ts_client_is_foreign(args->transfer_manager->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    ts_staged *staged = NULL;
    ts_status status = find(args->transfer_manager, args->buffer_index, &staged, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    char words[1024];
    snprintf(words, sizeof words, "%.*s", (int)args->error_message_size, args->error_message);
    if (claim_end(args->transfer_manager, staged))
        ts_signal_set_error(staged->ready, args->error_code, words);
    return NULL;
}

PJRT_Error *ts_pjrt_AsyncHostToDeviceTransferManager_AddMetadata(
    PJRT_AsyncHostToDeviceTransferManager_AddMetadata_Args *args) {
    (void)args; /* arguments are hints for other platforms */
    return NULL;
}
