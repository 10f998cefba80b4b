/* PJRT buffers: typed arrays in a device's HBM. */
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

PJRT_Buffer *ts_buffer_new(PJRT_Device *device, const ts_shape *shape, ts_signal *ready,
                           ts_storage *storage) {
    PJRT_Buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) {
        ts_signal_release(ready);
        ts_storage_release(storage);
        return NULL;
    }
    buffer->device = device;
    buffer->shape = *shape;
    for (int i = 0; i < shape->rank; i++)
        buffer->minor_to_major[i] = shape->rank - 1 - i;
    pthread_mutex_init(&buffer->lock, NULL);
    buffer->ready = ready;
    buffer->storage = storage;
    ts_client_retain(device->client);
    return buffer;
}

static void drop_storage(PJRT_Buffer *buffer) {
    pthread_mutex_lock(&buffer->lock);
    ts_storage *storage = buffer->storage;
    buffer->storage = NULL;
    pthread_mutex_unlock(&buffer->lock);
    ts_storage_release(storage);
}

void ts_buffer_free(PJRT_Buffer *buffer) {
    if (!buffer) return;
    drop_storage(buffer);
    ts_signal_release(buffer->ready);
    pthread_mutex_destroy(&buffer->lock);
    PJRT_Client *client = buffer->device->client;
    free(buffer);
    ts_client_release(client);
}

static ts_status fail_deleted(const PJRT_Buffer *buffer, ts_diag *diag) {
    char shape[128];
    ts_shape_print(&buffer->shape, shape, sizeof shape);
    ts_fail(diag, ts_usage, "buffer %s has been deleted or donated", shape);
    ts_diag_remedy(diag, "keep the array that the computation returned in its place");
    return ts_usage;
}

ts_status ts_buffer_hold(PJRT_Buffer *buffer, ts_signal **ready, ts_storage **storage, ts_diag *diag) {
    pthread_mutex_lock(&buffer->lock);
    bool is_alive = buffer->storage != NULL;
    if (is_alive) {
        *storage = ts_storage_retain(buffer->storage);
        *ready = ts_signal_retain(buffer->ready);
    }
    pthread_mutex_unlock(&buffer->lock);
    return is_alive ? ts_ok : fail_deleted(buffer, diag);
}

static ts_status fail_donated_twice(ts_diag *diag) {
    ts_fail(diag, ts_usage, "a donated buffer is used twice in one computation");
    ts_diag_remedy(diag, "pass a copy, or do not donate it");
    return ts_usage;
}

ts_status ts_buffer_begin_donation(PJRT_Buffer *buffer, ts_diag *diag) {
    ts_status status = ts_ok;
    pthread_mutex_lock(&buffer->lock);
    if (!buffer->storage) {
        status = fail_deleted(buffer, diag);
    } else if (buffer->is_donating) {
        status = fail_donated_twice(diag);
    } else if (buffer->external_references > 0) {
        status = ts_fail(diag, ts_usage, "a donated buffer is shared with another framework");
        ts_diag_remedy(diag, "drop the other framework's array first, or do not donate this one");
    } else {
        buffer->is_donating = true;
    }
    pthread_mutex_unlock(&buffer->lock);
    return status;
}

void ts_buffer_end_donation(PJRT_Buffer *buffer, bool is_final) {
    pthread_mutex_lock(&buffer->lock);
    ts_storage *storage = is_final ? buffer->storage : NULL;
    buffer->is_donating = false;
    if (is_final) buffer->storage = NULL;
    pthread_mutex_unlock(&buffer->lock);
    ts_storage_release(storage);
}

ts_status ts_buffer_check_undonated(PJRT_Buffer *buffer, ts_diag *diag) {
    pthread_mutex_lock(&buffer->lock);
    bool is_donating = buffer->is_donating;
    pthread_mutex_unlock(&buffer->lock);
    return is_donating ? fail_donated_twice(diag) : ts_ok;
}

PJRT_Error *ts_pjrt_Buffer_Destroy(PJRT_Buffer_Destroy_Args *args) {
    TS_PJRT_NEED(args, buffer);
    if (!args->buffer || ts_client_is_foreign(args->buffer->device->client)) return NULL;
    ts_buffer_free(args->buffer);
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_Delete(PJRT_Buffer_Delete_Args *args) {
    TS_PJRT_NEED(args, buffer);
    if (ts_client_is_foreign(args->buffer->device->client)) return ts_pjrt_forked();
    drop_storage(args->buffer);
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_IsDeleted(PJRT_Buffer_IsDeleted_Args *args) {
    TS_PJRT_NEED(args, is_deleted);
    pthread_mutex_lock(&args->buffer->lock);
    args->is_deleted = args->buffer->storage == NULL;
    pthread_mutex_unlock(&args->buffer->lock);
    return NULL;
}

/* --- a buffer's properties; valid after deletion too --- */

PJRT_Error *ts_pjrt_Buffer_ElementType(PJRT_Buffer_ElementType_Args *args) {
    TS_PJRT_NEED(args, type);
    args->type = ts_dtype_to_pjrt(args->buffer->shape.dtype);
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_Dimensions(PJRT_Buffer_Dimensions_Args *args) {
    TS_PJRT_NEED(args, num_dims);
    args->dims = args->buffer->shape.dim;
    args->num_dims = (size_t)args->buffer->shape.rank;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_UnpaddedDimensions(PJRT_Buffer_UnpaddedDimensions_Args *args) {
    TS_PJRT_NEED(args, num_dims);
    args->unpadded_dims = args->buffer->shape.dim;
    args->num_dims = (size_t)args->buffer->shape.rank;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_DynamicDimensionIndices(PJRT_Buffer_DynamicDimensionIndices_Args *args) {
    TS_PJRT_NEED(args, num_dynamic_dims);
    args->dynamic_dim_indices = NULL;
    args->num_dynamic_dims = 0;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_GetMemoryLayout(PJRT_Buffer_GetMemoryLayout_Args *args) {
    TS_PJRT_NEED(args, layout);
    memset(&args->layout, 0, sizeof args->layout);
    args->layout.struct_size = sizeof args->layout;
    args->layout.type = PJRT_LAYOUT_TILED;
    args->layout.tiled.struct_size = sizeof args->layout.tiled;
    args->layout.tiled.minor_to_major = args->buffer->minor_to_major;
    args->layout.tiled.minor_to_major_size = (size_t)args->buffer->shape.rank;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_OnDeviceSizeInBytes(PJRT_Buffer_OnDeviceSizeInBytes_Args *args) {
    TS_PJRT_NEED(args, on_device_size_in_bytes);
    args->on_device_size_in_bytes = args->buffer->shape.bytes;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_Device(PJRT_Buffer_Device_Args *args) {
    TS_PJRT_NEED(args, device);
    args->device = args->buffer->device;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_Memory(PJRT_Buffer_Memory_Args *args) {
    TS_PJRT_NEED(args, memory);
    args->memory = args->buffer->device->memory;
    return NULL;
}

/* The modelled HBM is not host memory, so frameworks must copy. */
PJRT_Error *ts_pjrt_Buffer_IsOnCpu(PJRT_Buffer_IsOnCpu_Args *args) {
    TS_PJRT_NEED(args, is_on_cpu);
    args->is_on_cpu = false;
    return NULL;
}

PJRT_Error *ts_pjrt_Buffer_ReadyEvent(PJRT_Buffer_ReadyEvent_Args *args) {
    TS_PJRT_NEED(args, event);
    PJRT_Buffer *buffer = args->buffer;
    ts_diag diag = {0};
    ts_signal *signal = NULL;
    pthread_mutex_lock(&buffer->lock);
    if (buffer->storage) signal = ts_signal_retain(buffer->ready);
    pthread_mutex_unlock(&buffer->lock);
    if (!signal) {
        signal = ts_signal_new();
        if (signal) ts_signal_set(signal, fail_deleted(buffer, &diag), &diag);
    }
    args->event = signal ? ts_pjrt_event_new(signal) : NULL;
    ts_signal_release(signal);
    return args->event ? NULL
                       : ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for an event");
}

/* --- pointers for other frameworks --- */

/* The host memory that holds the values. It changes owner when the buffer is donated. */
static PJRT_Error *values_of(PJRT_Buffer *buffer, void **values) {
    if (ts_client_is_foreign(buffer->device->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    ts_signal *ready = NULL;
    ts_storage *storage = NULL;
    ts_status status = ts_buffer_hold(buffer, &ready, &storage, &diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    ts_signal_wait(ready);
    PJRT_Error *error = ts_signal_error(ready);
    *values = storage->host;
    ts_signal_release(ready);
    ts_storage_release(storage);
    return error;
}

PJRT_Error *ts_pjrt_Buffer_UnsafePointer(PJRT_Buffer_UnsafePointer_Args *args) {
    TS_PJRT_NEED(args, buffer_pointer);
    void *values = NULL;
    PJRT_Error *error = values_of(args->buffer, &values);
    args->buffer_pointer = (uintptr_t)values;
    return error;
}

PJRT_Error *
ts_pjrt_Buffer_OpaqueDeviceMemoryDataPointer(PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args *args) {
    TS_PJRT_NEED(args, device_memory_ptr);
    return values_of(args->buffer, &args->device_memory_ptr);
}

static PJRT_Error *count_external(PJRT_Buffer *buffer, int change) {
    ts_diag diag = {0};
    ts_status status = ts_ok;
    pthread_mutex_lock(&buffer->lock);
    if (!buffer->storage)
        status = fail_deleted(buffer, &diag);
    else if (buffer->external_references + change < 0)
        status =
            ts_fail(&diag, ts_usage, "a buffer's external references are given back more often than taken");
    else
        buffer->external_references += change;
    pthread_mutex_unlock(&buffer->lock);
    return ts_pjrt_error_from(status, &diag);
}

PJRT_Error *
ts_pjrt_Buffer_IncreaseExternalReferenceCount(PJRT_Buffer_IncreaseExternalReferenceCount_Args *args) {
    TS_PJRT_NEED(args, buffer);
    return count_external(args->buffer, 1);
}

PJRT_Error *
ts_pjrt_Buffer_DecreaseExternalReferenceCount(PJRT_Buffer_DecreaseExternalReferenceCount_Args *args) {
    TS_PJRT_NEED(args, buffer);
    return count_external(args->buffer, -1);
}
