/* The memory that the processes of one program share (shared.h). It has no name in any file system, so
   nothing is left of it once the processes have ended, however they ended. Each process holds a lock on one
   byte of it, which the kernel releases when the process ends. */
#include "machine/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Windows lie one after the other, each longer than any HBM; they take no memory until they are written.
   LEAST: what a window is mapped with at first. */
static const uint64_t WINDOW = UINT64_C(1) << 38, LEAST = 1 << 16;

static uint64_t area_bytes(void) {
    return (sizeof(ts_shared_area) + LEAST - 1) / LEAST * LEAST;
}

ts_status ts_shared_make(int *file, ts_diag *diag) {
    *file = memfd_create("trainstone", MFD_CLOEXEC);
    if (*file >= 0 && ftruncate(*file, (off_t)(area_bytes() + WINDOW * TS_MAX_RANKS)) == 0) return ts_ok;
    ts_fail(diag, ts_system, "no memory that processes share: %s", strerror(errno));
    if (*file >= 0) close(*file);
    *file = -1;
    return ts_system;
}

/* Such a lock belongs to the process, not to its threads or children; closing the file anywhere in the
   process releases it. */
static struct flock lock_of(int process) {
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = process, .l_len = 1};
}

ts_status ts_shared_open(int file, const ts_shared_place *place, ts_shared **shared, ts_diag *diag) {
    struct flock lock = lock_of(place->process);
    ts_shared *made = calloc(1, sizeof *made);
    *shared = made;
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a meeting of processes");
    *made = (ts_shared){
        .file = file, .process = place->process, .processes = place->processes, .members = place->members};
    pthread_mutex_init(&made->lock, NULL);
    void *area = mmap(NULL, area_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (area != MAP_FAILED) made->area = area;
    if (!made->area)
        ts_fail(diag, ts_system, "no memory that processes share: %s", strerror(errno));
    else if (fcntl(file, F_SETLK, &lock) != 0)
        ts_fail(diag, ts_usage, "two processes say that they are number %d of %d", place->process,
                place->processes);
    else {
        made->area->process[place->process].pid = (int32_t)getpid();
        atomic_store(&made->area->process[place->process].is_there, true);
        ts_shared_wake(made);
        return ts_ok;
    }
    made->file = -1; /* the caller keeps it */
    ts_shared_close(made);
    *shared = NULL;
    return diag ? diag->status : ts_system;
}

void ts_shared_close(ts_shared *shared) {
    if (!shared) return;
    for (int i = 0; i < TS_MAX_RANKS; i++)
        if (shared->window[i].data) munmap(shared->window[i].data, shared->window[i].bytes);
    if (shared->file >= 0) close(shared->file);
    if (shared->area && shared->file >= 0) ts_shared_wake(shared);
    if (shared->area) munmap(shared->area, area_bytes());
    pthread_mutex_destroy(&shared->lock);
    free(shared);
}

/* ---- waiting ---- */

void ts_shared_wake(ts_shared *shared) {
    atomic_fetch_add(&shared->area->changed, 1);
    syscall(SYS_futex, &shared->area->changed, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void ts_shared_sleep(ts_shared *shared, unsigned seen) {
    const struct timespec most = {.tv_nsec = TS_LOOK_MS * 1000000L};
    syscall(SYS_futex, &shared->area->changed, FUTEX_WAIT, seen, &most, NULL, 0);
}

int ts_shared_gone(const ts_shared *shared) {
    for (int i = 0; i < shared->processes; i++) {
        struct flock lock = lock_of(i);
        if (i == shared->process || !atomic_load(&shared->area->process[i].is_there)) continue;
        if (fcntl(shared->file, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK) return i;
    }
    return -1;
}

ts_status ts_shared_gone_fail(const ts_shared *shared, int process, ts_diag *diag) {
    ts_fail(diag, ts_deadlock, "process %d of %d (pid %d) has ended, and all must come to this collective",
            process, shared->processes, shared->area->process[process].pid);
    ts_diag_remedy(diag,
                   "see what process %d said last; no loop or branch around a collective may depend on what "
                   "one process alone knows",
                   process);
    return ts_deadlock;
}

ts_status ts_shared_all_there(ts_shared *shared, int *missing, ts_diag *diag) {
    const unsigned seen = atomic_load(&shared->area->changed);
    *missing = -1;
    for (int i = 0; i < shared->processes && *missing < 0; i++)
        if (!atomic_load(&shared->area->process[i].is_there)) *missing = i;
    if (*missing < 0) return ts_ok;
    const int gone = ts_shared_gone(shared);
    if (gone >= 0)
        return ts_fail(diag, ts_deadlock, "process %d of %d (pid %d) ended before process %d had begun", gone,
                       shared->processes, shared->area->process[gone].pid, *missing);
    ts_shared_sleep(shared, seen);
    return ts_ok;
}

/* ---- windows ---- */

uint8_t *ts_shared_window_of(ts_shared *shared, int member, uint64_t bytes) {
    ts_shared_window *window = &shared->window[member];
    pthread_mutex_lock(&shared->lock);
    if (window->bytes < bytes && bytes <= WINDOW) {
        uint64_t size = LEAST;
        while (size < bytes)
            size *= 2;
        if (window->data) munmap(window->data, window->bytes);
        void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, shared->file,
                          (off_t)(area_bytes() + WINDOW * (uint64_t)member));
        *window = data == MAP_FAILED ? (ts_shared_window){0} : (ts_shared_window){data, size};
    }
    uint8_t *data = window->bytes >= bytes ? window->data : NULL;
    pthread_mutex_unlock(&shared->lock);
    return data;
}
