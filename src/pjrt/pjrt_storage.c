/* Storage: a buffer's bytes, as a place in the modelled HBM and host memory that holds the values. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pjrt/pjrt_objects.h"

enum {
    ALIGN = 64,
    HUGE_BYTES = 2 << 20,
    KEEP_FROM = 1 << 16, /* smaller areas come fast enough from malloc */
    KEEP_ALWAYS = 64 << 20
};

static size_t area_size(size_t bytes) {
    return bytes ? (bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
}

static void *take_kept(PJRT_Client *client, size_t size) {
    for (ts_area **at = &client->areas; *at; at = &(*at)->next) {
        ts_area *area = *at;
        if (area->bytes != size) continue;
        *at = area->next;
        client->area_bytes -= size;
        return area;
    }
    return NULL;
}

/* Programs walk rows that lie far apart: with small pages each would need a translation of its own. */
static void *area_new(size_t size) {
    void *host = aligned_alloc(size < HUGE_BYTES ? ALIGN : HUGE_BYTES, size);
    if (host && size >= HUGE_BYTES) madvise(host, size / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE);
    return host;
}

static void *area_take(PJRT_Client *client, size_t bytes) {
    size_t size = area_size(bytes);
    void *host = NULL;
    pthread_mutex_lock(&client->area_lock);
    client->live_bytes += size;
    if (size >= KEEP_FROM) host = take_kept(client, size);
    pthread_mutex_unlock(&client->area_lock);
    if (!host) host = area_new(size);
    if (host) return host;
    pthread_mutex_lock(&client->area_lock);
    client->live_bytes -= size;
    pthread_mutex_unlock(&client->area_lock);
    return NULL;
}

/* Keeps freed host memory, but never more than is in use, apart from KEEP_ALWAYS bytes. */
static void area_give(PJRT_Client *client, void *host, size_t bytes) {
    size_t size = area_size(bytes);
    pthread_mutex_lock(&client->area_lock);
    client->live_bytes -= size;
    uint64_t room = client->live_bytes > KEEP_ALWAYS ? client->live_bytes : KEEP_ALWAYS;
    bool is_kept = size >= KEEP_FROM && client->area_bytes + size <= room;
    if (is_kept) {
        ts_area *area = host;
        *area = (ts_area){.next = client->areas, .bytes = size};
        client->areas = area;
        client->area_bytes += size;
    }
    pthread_mutex_unlock(&client->area_lock);
    if (!is_kept) free(host);
}

void ts_areas_free(PJRT_Client *client) {
    for (ts_area *area = client->areas, *next; area; area = next) {
        next = area->next;
        free(area);
    }
    client->areas = NULL;
}

static ts_status make(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag) {
    *storage = calloc(1, sizeof **storage);
    if (!*storage) return ts_fail(diag, ts_capacity, "this computer has no memory for a buffer");
    atomic_init(&(*storage)->references, 1);
    (*storage)->device = device;
    (*storage)->bytes = bytes;
    ts_client_retain(device->client);
    return ts_ok;
}

static ts_status fill(ts_storage *storage, ts_diag *diag) {
    storage->host = area_take(storage->device->client, storage->bytes);
    if (storage->host) return ts_ok;
    ts_fail(diag, ts_capacity, "this computer has no memory for a buffer of %zu bytes", storage->bytes);
    ts_diag_remedy(diag, "the modelled HBM has room for it; use a computer with more memory");
    return ts_capacity;
}

static void note_largest(PJRT_Device *device, size_t bytes) {
    long long seen = atomic_load(&device->largest_bytes), now = (long long)bytes;
    while (now > seen && !atomic_compare_exchange_weak(&device->largest_bytes, &seen, now))
        continue;
}

/* Allocates HBM. When it is full, waits for the queue, because queued work may hold inputs that nobody else
   needs. */
static ts_status take_place(ts_storage *storage, ts_diag *diag) {
    PJRT_Device *device = storage->device;
    int core = 0;
    ts_machine *machine = ts_runtime_machine(device->client->runtime, device->index, &core);
    ts_status status = ts_hbm_import(machine, core, NULL, storage->bytes, &storage->extent, NULL);
    if (status == ts_capacity) ts_queue_drain(&device->queue);
    if (status != ts_ok) status = ts_hbm_import(machine, core, NULL, storage->bytes, &storage->extent, diag);
    if (status != ts_ok) storage->extent = NULL;
    return status;
}

ts_status ts_storage_new(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag) {
    *storage = NULL;
    TS_TRY(ts_device_check_own(device, diag));
    TS_TRY(make(device, bytes, storage, diag));
    ts_status status = take_place(*storage, diag);
    if (status == ts_ok) status = fill(*storage, diag);
    if (status != ts_ok) {
        ts_storage_release(*storage);
        *storage = NULL;
        return status;
    }
    (*storage)->extent->host = (*storage)->host;
    note_largest(device, bytes);
    return ts_ok;
}

ts_status ts_storage_new_unplaced(PJRT_Device *device, size_t bytes, ts_storage **storage, ts_diag *diag) {
    TS_TRY(make(device, bytes, storage, diag));
    ts_status status = fill(*storage, diag);
    if (status != ts_ok) {
        ts_storage_release(*storage);
        *storage = NULL;
    }
    return status;
}

void ts_storage_move_place(ts_storage *from, ts_storage *to) {
    to->extent = from->extent;
    from->extent = NULL;
    if (to->extent) to->extent->host = to->host;
}

ts_storage *ts_storage_retain(ts_storage *storage) {
    atomic_fetch_add_explicit(&storage->references, 1, memory_order_relaxed);
    return storage;
}

void ts_storage_release(ts_storage *storage) {
    if (!storage || atomic_fetch_sub_explicit(&storage->references, 1, memory_order_acq_rel) != 1) return;
    PJRT_Client *client = storage->device->client;
    if (storage->extent)
        ts_hbm_free(ts_runtime_machine(client->runtime, storage->device->index, NULL), storage->extent);
    if (storage->host) area_give(client, storage->host, storage->bytes);
    free(storage);
    ts_client_release(client);
}
