/* The live page: written by the process that runs programs, read by other processes of the same user. The
   process holds a write lock on the file, which the system drops however the process ends, so a locked page
   is a live one. */
#include "runtime/live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PATH = 4096, READ_TRIES = 1000 };
static const char suffix[] = ".live";

struct ts_live {
    ts_live_page *page;
    bool is_mapped;
    int file; /* -1: the page is in memory only */
    char *path;
    pid_t process; /* that owns file and page; a forked child does not */
    pthread_mutex_t lock[TS_LIVE_CORES];
};

uint64_t ts_live_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- the file ---- */

/* Whether the folder, made if missing, belongs to this user and nobody else can write to it. */
static bool is_own_folder(const char *folder) {
    struct stat info;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return false;
    return lstat(folder, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & 0022) == 0;
}

static bool lock_file(int file) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_SETLK, &lock) == 0;
}

static void drop_file(ts_live *live) {
    if (live->file < 0) return;
    unlink(live->path);
    close(live->file);
    live->file = -1;
}

static bool map_file(ts_live *live, const char *folder) {
    char path[MOST_PATH];
    if (!folder[0] || !is_own_folder(folder)) return false;
    int length = snprintf(path, sizeof path, "%s/%d.%llx%s", folder, (int)getpid(),
                          (unsigned long long)ts_live_now(), suffix);
    if (length >= (int)sizeof path || !(live->path = strdup(path))) return false;
    live->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (live->file < 0) return false;
    if (lock_file(live->file) && ftruncate(live->file, sizeof *live->page) == 0) {
        void *page = mmap(NULL, sizeof *live->page, PROT_READ | PROT_WRITE, MAP_SHARED, live->file, 0);
        if (page != MAP_FAILED) {
            live->page = page;
            return live->is_mapped = true;
        }
    }
    drop_file(live);
    return false;
}

static void read_command(char *command, size_t size) {
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, command, size - 1) : 0;
    if (file >= 0) close(file);
    for (ssize_t i = 0; i + 1 < length; i++)
        if (command[i] == '\0') command[i] = ' ';
}

ts_live *ts_live_new(const char *folder, const char *instance, int first_core, int cores) {
    ts_live *live = calloc(1, sizeof *live);
    if (!live) return NULL;
    live->file = -1;
    live->process = getpid();
    if (!map_file(live, folder)) live->page = calloc(1, sizeof *live->page);
    if (!live->page) {
        free(live->path);
        free(live);
        return NULL;
    }
    for (int i = 0; i < TS_LIVE_CORES; i++)
        pthread_mutex_init(&live->lock[i], NULL);
    ts_live_page *page = live->page;
    page->size = sizeof *page;
    page->process = live->process;
    page->started = (int64_t)ts_live_now();
    page->first_core = first_core;
    page->cores = cores < TS_LIVE_CORES ? cores : TS_LIVE_CORES;
    snprintf(page->instance, sizeof page->instance, "%s", instance);
    read_command(page->command, sizeof page->command);
    atomic_thread_fence(memory_order_release);
    memcpy(page->magic, TS_LIVE_MAGIC, sizeof page->magic);
    return live;
}

void ts_live_free(ts_live *live) {
    if (!live) return;
    if (live->process == getpid()) drop_file(live);
    if (live->is_mapped)
        munmap(live->page, sizeof *live->page);
    else
        free(live->page);
    for (int i = 0; i < TS_LIVE_CORES; i++)
        pthread_mutex_destroy(&live->lock[i]);
    free(live->path);
    free(live);
}

const ts_live_page *ts_live_get(const ts_live *live) {
    return live ? live->page : NULL;
}

/* ---- counting ---- */

static ts_live_core *core_of(ts_live *live, int core) {
    return live && core >= 0 && core < live->page->cores ? &live->page->core[core] : NULL;
}

static void set_share(ts_live_core *core, const ts_record *record) {
    double total = record->total > 0 ? (double)record->total : 1;
    for (int i = 0; i < ts_engine_count; i++) {
        ts_time busy = i == ts_engine_none ? record->dma_busy : record->busy[i];
        core->share[i] = (uint32_t)(1e6 * (double)busy / total);
    }
    core->mfu = (uint32_t)(1e6 * ts_record_mfu(record));
    core->run_ps = record->total;
}

void ts_live_compile(ts_live *live, bool is_begin) {
    if (!live) return;
    if (!is_begin) atomic_fetch_add(&live->page->compiled, 1);
    atomic_store(&live->page->compiling_ns, is_begin ? ts_live_now() : 0);
}

/* Begins or ends a change: the counter is odd in between. */
static void change(ts_live_core *core) {
    atomic_fetch_add(&core->change, 1);
    atomic_thread_fence(memory_order_seq_cst);
}

atomic_uint_fast64_t *ts_live_begin(ts_live *live, int number, const char *program, uint64_t instructions) {
    ts_live_core *core = core_of(live, number);
    if (!core) return NULL;
    pthread_mutex_lock(&live->lock[number]);
    change(core);
    if (strncmp(core->program, program, sizeof core->program - 1) != 0) {
        snprintf(core->program, sizeof core->program, "%s", program);
        core->program_runs = core->program_ns = 0;
        core->run_ps = 0;
        memset(core->share, 0, sizeof core->share);
        core->mfu = 0;
    }
    core->run_instructions = instructions;
    core->begun_ns = ts_live_now();
    atomic_store(&core->done, 0);
    change(core);
    pthread_mutex_unlock(&live->lock[number]);
    return &core->done;
}

void ts_live_end(ts_live *live, int number, uint64_t instructions, const ts_record *record,
                 uint64_t hbm_bytes, uint64_t hbm_capacity) {
    ts_live_core *core = core_of(live, number);
    if (!core) return;
    pthread_mutex_lock(&live->lock[number]);
    uint64_t took = core->begun_ns ? ts_live_now() - core->begun_ns : 0;
    change(core);
    core->begun_ns = 0;
    core->run_instructions = instructions;
    core->program_runs++;
    core->program_ns += took;
    if (record) set_share(core, record);
    change(core);
    atomic_fetch_add(&core->runs, 1);
    atomic_fetch_add(&core->busy_ns, took);
    if (record) atomic_fetch_add(&core->predicted_ps, record->total);
    atomic_store(&core->hbm_bytes, hbm_bytes);
    atomic_store(&core->hbm_capacity, hbm_capacity);
    pthread_mutex_unlock(&live->lock[number]);
}

/* ---- reading ---- */

void ts_live_read(const ts_live_core *core, ts_live_core *copy) {
    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t before = atomic_load(&core->change);
        memcpy(copy, core, sizeof *copy);
        atomic_thread_fence(memory_order_seq_cst);
        if (before % 2 == 0 && atomic_load(&core->change) == before) break;
    }
    copy->program[sizeof copy->program - 1] = '\0';
}

static void add_share(ts_text *out, const char *name, uint32_t share) {
    ts_text_format(out, "\"%s\": %.6g", name, 1e-6 * share);
}

static void add_core(const ts_live_page *page, int number, uint64_t now, ts_text *out) {
    static const char *const names[] = {
        [ts_engine_none] = "dma",      [ts_engine_tensor] = "tensor", [ts_engine_vector] = "vector",
        [ts_engine_scalar] = "scalar", [ts_engine_gpsimd] = "gpsimd", [ts_engine_sync] = "sync"};
    ts_live_core core;
    ts_live_read(&page->core[number], &core);
    double age = 1e-9 * (double)(now - (uint64_t)page->started);
    double busy = 1e-9 * (double)core.busy_ns;
    double under_way = core.begun_ns && now > core.begun_ns ? 1e-9 * (double)(now - core.begun_ns) : 0;
    ts_text_format(out, "{\"neuroncore\": %d, \"program\": ", page->first_core + number);
    ts_text_quote(out, core.program);
    ts_text_format(out, ", \"runs\": %llu, \"program_runs\": %llu, \"program_host_seconds\": %.6f",
                   (unsigned long long)core.runs, (unsigned long long)core.program_runs,
                   1e-9 * (double)core.program_ns);
    ts_text_format(out, ", \"is_running\": %s, \"run_host_seconds\": %.6f, \"run_done\": ",
                   core.begun_ns ? "true" : "false", under_way);
    if (core.begun_ns && core.run_instructions)
        ts_text_format(out, "%.4f", (double)core.done / (double)core.run_instructions);
    else
        ts_text_add(out, "null");
    ts_text_format(out, ", \"host_utilization\": %.4f", age > 0 ? (busy + under_way) / age : 0);
    if (core.run_ps) {
        ts_text_format(out, ", \"predicted_run_seconds\": %.9g, \"predicted_seconds\": %.9g",
                       1e-12 * (double)core.run_ps, 1e-12 * (double)core.predicted_ps);
        ts_text_format(out, ", \"mfu\": %.6g, \"predicted_utilization\": {", 1e-6 * core.mfu);
        for (int i = 0; i < ts_engine_count; i++) {
            if (i) ts_text_add(out, ", ");
            add_share(out, names[i], core.share[i]);
        }
        ts_text_add(out, "}");
    } else {
        ts_text_add(out, ", \"predicted_run_seconds\": null, \"predicted_seconds\": null, \"mfu\": null, "
                         "\"predicted_utilization\": null");
    }
    ts_text_format(out, ", \"hbm_bytes\": %llu, \"hbm_capacity\": %llu}", (unsigned long long)core.hbm_bytes,
                   (unsigned long long)core.hbm_capacity);
}

void ts_live_json(const ts_live_page *page, ts_text *out) {
    uint64_t now = ts_live_now(), compiling = atomic_load(&page->compiling_ns);
    ts_text_format(out, "{\"pid\": %d, \"command\": ", (int)page->process);
    ts_text_quote(out, page->command);
    ts_text_add(out, ", \"instance\": ");
    ts_text_quote(out, page->instance);
    ts_text_format(out, ", \"age_seconds\": %.3f, \"compiled\": %llu, \"compiling_seconds\": ",
                   1e-9 * (double)(now - (uint64_t)page->started),
                   (unsigned long long)atomic_load(&page->compiled));
    if (compiling && now > compiling)
        ts_text_format(out, "%.3f", 1e-9 * (double)(now - compiling));
    else
        ts_text_add(out, "null");
    ts_text_add(out, ", \"neuroncores\": [");
    for (int i = 0; i < page->cores; i++) {
        if (i) ts_text_add(out, ", ");
        add_core(page, i, now, out);
    }
    ts_text_add(out, "]}");
}

static bool is_alive(int file) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Files belong to this user, so their sizes are as written; magic and size identify pages of other builds. */
static void visit(int folder, const char *name, ts_live_use *use, void *context) {
    int file = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (file < 0) return;
    if (!is_alive(file)) {
        if (fstat(file, &info) == 0 && info.st_size > 0) unlinkat(folder, name, 0);
    } else if (fstat(file, &info) == 0 && info.st_size == (off_t)sizeof(ts_live_page)) {
        ts_live_page *page = mmap(NULL, sizeof *page, PROT_READ, MAP_SHARED, file, 0);
        if (page != MAP_FAILED) {
            bool is_ours =
                memcmp(page->magic, TS_LIVE_MAGIC, sizeof page->magic) == 0 && page->size == sizeof *page;
            if (is_ours && page->cores <= TS_LIVE_CORES) use(page, context);
            munmap(page, sizeof *page);
        }
    }
    close(file);
}

void ts_live_visit(const char *folder, ts_live_use *use, void *context) {
    DIR *entries = folder[0] && is_own_folder(folder) ? opendir(folder) : NULL;
    for (const struct dirent *entry; entries && (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name), end = sizeof suffix - 1;
        if (length > end && strcmp(entry->d_name + length - end, suffix) == 0)
            visit(dirfd(entries), entry->d_name, use, context);
    }
    if (entries) closedir(entries);
}
