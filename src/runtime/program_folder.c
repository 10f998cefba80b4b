/* The folder of compiled programs: one file each, named and checked by digests, written to a sibling and
   renamed. */
#include "runtime/program_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/unit.h"

enum { MOST_PATH = 4096 };

/* Beginning of a file; a .trn follows. */
typedef struct file_head {
    char magic[8];
    ts_program_key key;
    uint8_t digest[TS_SHA256_BYTES]; /* of the .trn */
} file_head;
static const char magic[8] = "TSPROG1";
static const char prefix[] = "MODULE_"; /* as the entries of Neuron's own cache are named */

/* False when the folder's name is too long. */
static bool make_path(char path[MOST_PATH], const char *folder, const ts_program_key *key) {
    char name[2 * TS_SHA256_BYTES + 1];
    for (int i = 0; i < TS_SHA256_BYTES; i++)
        snprintf(name + 2 * i, 3, "%02x", key->bytes[i]);
    return snprintf(path, MOST_PATH, "%s/%s%s.trn", folder, prefix, name) < MOST_PATH;
}

static void digest_of(const void *data, size_t size, uint8_t digest[TS_SHA256_BYTES]) {
    ts_sha256 hash;
    ts_sha256_start(&hash);
    ts_sha256_add(&hash, data, size);
    ts_sha256_end(&hash, digest);
}

static bool is_whole(const uint8_t *data, size_t size, const ts_program_key *key) {
    file_head head;
    uint8_t digest[TS_SHA256_BYTES];
    if (size < sizeof head) return false;
    memcpy(&head, data, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || memcmp(&head.key, key, sizeof *key) != 0)
        return false;
    digest_of(data + sizeof head, size - sizeof head, digest);
    return memcmp(digest, head.digest, sizeof digest) == 0;
}

bool ts_program_folder_read(const char *folder, const ts_program_key *key, const ts_chip *chip,
                            ts_program **program) {
    char path[MOST_PATH];
    ts_diag unread = {0};
    uint8_t *data = NULL;
    size_t size = 0;
    *program = NULL;
    bool is_read =
        make_path(path, folder, key) && ts_file_read(path, &data, &size, &unread) == ts_ok &&
        is_whole(data, size, key) &&
        ts_program_decode(data + sizeof(file_head), size - sizeof(file_head), program, &unread) == ts_ok;
    if (is_read && ts_program_verify(*program, chip, &unread) != ts_ok) {
        ts_program_free(*program);
        is_read = false;
    }
    if (is_read) utimensat(AT_FDCWD, path, NULL, 0); /* marks it as used now */
    free(data);
    return is_read;
}

/* ---- limiting the folder's size ---- */

typedef struct kept_file {
    const char *path;
    uint64_t bytes;
    struct timespec used;
} kept_file;
typedef TS_VEC(kept_file) kept_files;

typedef struct trimming {
    const char *folder;
    DIR *entries;
    uint64_t most;
} trimming;

/* Lists all files with the prefix, which include leftovers of writers that died. */
static uint64_t list_files(const trimming *t, ts_arena *arena, kept_files *files) {
    uint64_t bytes = 0;
    for (const struct dirent *entry; (entry = readdir(t->entries));) {
        struct stat info;
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0) continue;
        const char *path = ts_arena_format(arena, "%s/%s", t->folder, entry->d_name);
        if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        kept_file file = {.path = path, .bytes = (uint64_t)info.st_size, .used = info.st_mtim};
        ts_vec_push(files, arena, file);
        bytes += file.bytes;
    }
    return bytes;
}

static int by_use(const void *left, const void *right) {
    const struct timespec *a = &((const kept_file *)left)->used, *b = &((const kept_file *)right)->used;
    if (a->tv_sec != b->tv_sec) return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* Another process may be removing the same files at the same time. */
static ts_status trim_within(void *context) {
    const trimming *t = context;
    ts_arena arena = {0};
    kept_files files = {0};
    uint64_t bytes = list_files(t, &arena, &files);
    if (bytes > t->most) qsort(files.data, files.count, sizeof *files.data, by_use);
    for (uint32_t i = 0; i < files.count && bytes > t->most; i++) {
        unlink(files.data[i].path);
        bytes -= files.data[i].bytes;
    }
    ts_arena_free(&arena);
    return ts_ok;
}

static void trim(const char *folder, uint64_t most) {
    trimming t = {.folder = folder, .entries = opendir(folder), .most = most};
    if (!t.entries) return;
    ts_unit_run(NULL, trim_within, &t, "a folder", NULL);
    closedir(t.entries);
}

void ts_program_folder_write(const char *folder, const ts_program_key *key, const ts_program *program,
                             uint64_t most) {
    char path[MOST_PATH];
    ts_diag unwritten = {0};
    uint8_t *code = NULL, *data = NULL;
    size_t size = 0;
    file_head head = {.key = *key};
    memcpy(head.magic, magic, sizeof magic);
    if (ts_program_encode(program, &code, &size, &unwritten) == ts_ok && sizeof head + size <= most)
        data = malloc(sizeof head + size);
    if (data) {
        digest_of(code, size, head.digest);
        memcpy(data, &head, sizeof head);
        memcpy(data + sizeof head, code, size);
        if (make_path(path, folder, key) &&
            ts_file_write(path, data, sizeof head + size, &unwritten) == ts_ok)
            trim(folder, most);
    }
    free(data);
    free(code);
}
