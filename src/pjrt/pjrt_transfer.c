/* Transfers: host to device, device to host, and between devices. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

/* A copy out of a storage whose contents may not be computed yet. */
typedef struct ts_transfer {
    ts_work work;
    ts_signal *ready, *done; /* of the source; of the copy */
    ts_storage *from, *into; /* into: NULL for host memory */
    ts_shape shape;
    int64_t strides[TS_MAX_RANK];
    bool is_raw; /* bytes at an offset, without a shape */
    size_t offset, bytes;
    void *host;
} ts_transfer;

static void transfer_free(ts_transfer *transfer) {
    ts_signal_release(transfer->ready);
    ts_signal_release(transfer->done);
    ts_storage_release(transfer->from);
    ts_storage_release(transfer->into);
    free(transfer);
}

static void transfer_copy(ts_transfer *transfer) {
    const char *from = transfer->from->host;
    if (transfer->into) {
        memcpy(transfer->into->host, from, transfer->into->bytes);
    } else if (transfer->is_raw) {
        memcpy(transfer->host, from + transfer->offset, transfer->bytes);
    } else {
        int64_t strides[TS_MAX_RANK];
        ts_shape_strides(&transfer->shape, strides);
        ts_copy_strided(&transfer->shape, transfer->host, transfer->strides, from, strides);
    }
}

/* Runs the copy. The storages are released before the signal is set, so that whoever waits for it finds their
   memory free. */
static void transfer_run(ts_work *work) {
    ts_transfer *transfer = (ts_transfer *)work;
    ts_signal_wait(transfer->ready);
    bool has_failed = ts_signal_has_error(transfer->ready);
    if (!has_failed) transfer_copy(transfer);
    ts_storage_release(transfer->from);
    ts_storage_release(transfer->into);
    transfer->from = transfer->into = NULL;
    if (has_failed)
        ts_signal_forward_error(transfer->ready, transfer->done);
    else
        ts_signal_set(transfer->done, ts_ok, NULL);
    transfer_free(transfer);
}

/* Copies at once when there is no queue to wait for, otherwise on the queue that computes the source. Takes
   over the transfer. */
static ts_status transfer_start(ts_transfer *transfer, ts_queue *queue, ts_diag *diag) {
    transfer->work.run = transfer_run;
    if (!queue) {
        transfer_run(&transfer->work);
        return ts_ok;
    }
    ts_status status = ts_queue_push(queue, &transfer->work, diag);
    if (status != ts_ok) transfer_free(transfer);
    return status;
}

static ts_status transfer_new(PJRT_Buffer *source, ts_transfer **transfer, ts_diag *diag) {
    ts_transfer *made = calloc(1, sizeof *made);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a transfer");
    ts_status status = ts_buffer_hold(source, &made->ready, &made->from, diag);
    made->done = status == ts_ok ? ts_signal_new() : NULL;
    if (status == ts_ok && !made->done) status = ts_fail(diag, ts_capacity, "no host memory for a transfer");
    if (status != ts_ok) {
        transfer_free(made);
        return status;
    }
    made->shape = source->shape;
    *transfer = made;
    return ts_ok;
}

/* --- host to device --- */

static ts_status check_layout(const ts_shape *shape, const PJRT_Buffer_MemoryLayout *layout, ts_diag *diag) {
    int64_t wanted[TS_MAX_RANK], dense[TS_MAX_RANK];
    TS_TRY(ts_layout_strides(shape, layout, wanted, diag));
    ts_shape_strides(shape, dense);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] <= 1 || wanted[i] == dense[i]) continue;
        ts_fail(diag, ts_unsupported, "a device layout other than row-major");
        ts_diag_remedy(diag, "leave the device layout out: the compiler chooses layouts inside the chip");
        return ts_unsupported;
    }
    return ts_ok;
}

static PJRT_Device *target_of(PJRT_Client *client, PJRT_Device *device, PJRT_Memory *memory) {
    if (memory) return memory->device;
    return device ? device : client->device_list[client->first];
}

static ts_status from_host(const PJRT_Client_BufferFromHostBuffer_Args *args, PJRT_Buffer **buffer,
                           ts_diag *diag) {
    PJRT_Device *device = target_of(args->client, args->device, args->memory);
    ts_shape shape;
    int64_t dense[TS_MAX_RANK];
    TS_TRY(ts_shape_make(args->type, args->dims, args->num_dims, &shape, diag));
    if (args->num_byte_strides != 0 && args->num_byte_strides != args->num_dims)
        return ts_fail(diag, ts_usage, "%zu strides for an array of %zu axes", args->num_byte_strides,
                       args->num_dims);
    TS_TRY(check_layout(&shape, args->device_layout, diag));
    if (!args->data && shape.bytes > 0)
        return ts_fail(diag, ts_usage, "no data for a buffer of %zu bytes", shape.bytes);
    ts_storage *storage = NULL;
    TS_TRY(ts_storage_new(device, shape.bytes, &storage, diag));
    ts_shape_strides(&shape, dense);
    ts_copy_strided(&shape, storage->host, dense, args->data,
                    args->num_byte_strides ? args->byte_strides : dense);
    *buffer = ts_buffer_new(device, &shape, ts_signal_retain(device->client->ready), storage);
    return *buffer ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for a buffer");
}

/* The data is copied during the call, which all of the semantics allow. */
PJRT_Error *ts_pjrt_Client_BufferFromHostBuffer(PJRT_Client_BufferFromHostBuffer_Args *args) {
    TS_PJRT_NEED(args, buffer);
    if (ts_client_is_foreign(args->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    PJRT_Buffer *buffer = NULL;
    ts_status status = from_host(args, &buffer, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    args->done_with_host_buffer = ts_pjrt_event_new(args->client->ready);
    if (!args->done_with_host_buffer) {
        ts_buffer_free(buffer);
        return ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for an event");
    }
    args->buffer = buffer;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_CreateViewOfDeviceBuffer(PJRT_Client_CreateViewOfDeviceBuffer_Args *args) {
    (void)args;
    return ts_pjrt_unimplemented("a buffer over memory of another framework",
                                 "copy the array through the host");
}

/* --- device to host --- */

static ts_status start_to_host(PJRT_Buffer *source, ts_transfer *transfer, PJRT_Event **event,
                               ts_diag *diag) {
    PJRT_Event *made = ts_pjrt_event_new(transfer->done);
    if (!made) {
        transfer_free(transfer);
        return ts_fail(diag, ts_capacity, "no host memory for an event");
    }
    ts_queue *queue = ts_signal_is_ready(transfer->ready) ? NULL : &source->device->queue;
    ts_status status = transfer_start(transfer, queue, diag);
    if (status == ts_ok) {
        *event = made;
        return ts_ok;
    }
    PJRT_Event_Destroy_Args destroy = {.struct_size = sizeof destroy, .event = made};
    ts_pjrt_Event_Destroy(&destroy);
    return status;
}

/* Bytes from the first element to the end of the last. */
static ts_status span(const ts_shape *shape, const int64_t *strides, size_t *bytes, ts_diag *diag) {
    int64_t last = ts_dtype_get(shape->dtype)->bytes;
    for (int i = 0; i < shape->rank; i++) {
        if (strides[i] < 0) return ts_fail(diag, ts_unsupported, "a host layout with a negative stride");
        last += (shape->dim[i] - 1) * strides[i];
    }
    *bytes = shape->bytes ? (size_t)last : 0;
    return ts_ok;
}

static ts_status to_host(PJRT_Buffer_ToHostBuffer_Args *args, ts_diag *diag) {
    const ts_shape *shape = &args->src->shape;
    int64_t strides[TS_MAX_RANK];
    size_t needed = 0;
    TS_TRY(ts_layout_strides(shape, args->host_layout, strides, diag));
    TS_TRY(span(shape, strides, &needed, diag));
    if (!args->dst) {
        args->dst_size = needed;
        args->event = ts_pjrt_event_new(args->src->device->client->ready);
        return args->event ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for an event");
    }
    if (args->dst_size < needed)
        return ts_fail(diag, ts_usage, "the host memory has %zu bytes; the array needs %zu", args->dst_size,
                       needed);
    ts_transfer *transfer = NULL;
    TS_TRY(transfer_new(args->src, &transfer, diag));
    transfer->host = args->dst;
    memcpy(transfer->strides, strides, sizeof strides);
    return start_to_host(args->src, transfer, &args->event, diag);
}

PJRT_Error *ts_pjrt_Buffer_ToHostBuffer(PJRT_Buffer_ToHostBuffer_Args *args) {
    TS_PJRT_NEED(args, event);
    if (ts_client_is_foreign(args->src->device->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    return ts_pjrt_error_from(to_host(args, &diag), &diag);
}

static ts_status raw_to_host(PJRT_Buffer_CopyRawToHost_Args *args, ts_diag *diag) {
    size_t bytes = args->buffer->shape.bytes;
    if (args->offset < 0 || args->transfer_size < 0 || (size_t)args->offset > bytes ||
        (size_t)args->transfer_size > bytes - (size_t)args->offset)
        return ts_fail(diag, ts_usage, "bytes %" PRId64 " to %" PRId64 " of a buffer of %zu", args->offset,
                       args->offset + args->transfer_size, bytes);
    ts_transfer *transfer = NULL;
    TS_TRY(transfer_new(args->buffer, &transfer, diag));
    transfer->is_raw = true;
    transfer->host = args->dst;
    transfer->offset = (size_t)args->offset;
    transfer->bytes = (size_t)args->transfer_size;
    return start_to_host(args->buffer, transfer, &args->event, diag);
}

PJRT_Error *ts_pjrt_Buffer_CopyRawToHost(PJRT_Buffer_CopyRawToHost_Args *args) {
    TS_PJRT_NEED(args, event);
    if (ts_client_is_foreign(args->buffer->device->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    return ts_pjrt_error_from(raw_to_host(args, &diag), &diag);
}

/* --- device to device --- */

/* The copy waits in the destination's queue for its source. Waits only go back to work that was queued
   earlier, so they cannot form a cycle. */
static ts_status copy_to(PJRT_Buffer *source, PJRT_Device *device, PJRT_Buffer **copy, ts_diag *diag) {
    if (device->client != source->device->client)
        return ts_fail(diag, ts_usage,
                       "the source and the destination of a copy belong to different clients");
    ts_transfer *transfer = NULL;
    TS_TRY(transfer_new(source, &transfer, diag));
    ts_status status = ts_storage_new(device, source->shape.bytes, &transfer->into, diag);
    PJRT_Buffer *made = NULL;
    if (status == ts_ok) {
        made = ts_buffer_new(device, &source->shape, ts_signal_retain(transfer->done),
                             ts_storage_retain(transfer->into));
        if (!made) status = ts_fail(diag, ts_capacity, "no host memory for a buffer");
    }
    if (status != ts_ok) {
        transfer_free(transfer);
        return status;
    }
    status = transfer_start(transfer, &device->queue, diag);
    if (status != ts_ok) {
        ts_buffer_free(made);
        return status;
    }
    *copy = made;
    return ts_ok;
}

PJRT_Error *ts_pjrt_Buffer_CopyToDevice(PJRT_Buffer_CopyToDevice_Args *args) {
    TS_PJRT_NEED(args, dst_buffer);
    if (ts_client_is_foreign(args->buffer->device->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    return ts_pjrt_error_from(copy_to(args->buffer, args->dst_device, &args->dst_buffer, &diag), &diag);
}

PJRT_Error *ts_pjrt_Buffer_CopyToMemory(PJRT_Buffer_CopyToMemory_Args *args) {
    TS_PJRT_NEED(args, dst_buffer);
    if (ts_client_is_foreign(args->buffer->device->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    return ts_pjrt_error_from(copy_to(args->buffer, args->dst_memory->device, &args->dst_buffer, &diag),
                              &diag);
}
