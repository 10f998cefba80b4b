/* Files read and written as a whole; a regular file is written to a temporary sibling and renamed. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ts_status fail_errno(ts_diag *diag, const char *path, const char *what) {
    ts_fail(diag, ts_system, "cannot %s %s: %s", what, path, strerror(errno));
    return ts_system;
}

/* Reads until the end of the file: a pipe has no size, and a file may grow meanwhile. */
static ts_status read_all(int file, const char *path, uint8_t **data, size_t *size, ts_diag *diag) {
    struct stat info;
    if (fstat(file, &info) != 0) return fail_errno(diag, path, "read");
    if (S_ISDIR(info.st_mode)) return ts_fail(diag, ts_system, "cannot read %s: it is a folder", path);
    size_t capacity = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size + 1 : 65536, used = 0;
    uint8_t *bytes = malloc(capacity);
    while (bytes) {
        if (used + 1 >= capacity) {
            uint8_t *larger = capacity > SIZE_MAX / 2 ? NULL : realloc(bytes, capacity * 2);
            if (!larger) break;
            bytes = larger;
            capacity *= 2;
        }
        ssize_t got = read(file, bytes + used, capacity - used - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            free(bytes);
            return fail_errno(diag, path, "read");
        }
        if (got == 0) {
            bytes[used] = 0;
            *data = bytes;
            *size = used;
            return ts_ok;
        }
        used += (size_t)got;
    }
    free(bytes);
    return ts_fail(diag, ts_capacity, "%s: no host memory for the file", path);
}

ts_status ts_file_read(const char *path, uint8_t **data, size_t *size, ts_diag *diag) {
    *data = NULL;
    *size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail_errno(diag, path, "read");
    ts_status status = read_all(file, path, data, size, diag);
    close(file);
    return status;
}

static bool write_all(int file, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t done = write(file, data, size);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        data += done;
        size -= (size_t)done;
    }
    return true;
}

/* Writes to an existing device or pipe, which must not be replaced by a file. */
static ts_status write_through(const char *path, const void *data, size_t size, ts_diag *diag) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = file >= 0 && write_all(file, data, size);
    int error = errno;
    if (file >= 0 && close(file) != 0 && is_written) {
        is_written = false;
        error = errno;
    }
    errno = error;
    return is_written ? ts_ok : fail_errno(diag, path, "write");
}

ts_status ts_file_write(const char *path, const void *data, size_t size, ts_diag *diag) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return write_through(path, data, size, diag);
    size_t length = strlen(path);
    char *temporary = malloc(length + 8);
    if (!temporary) return ts_fail(diag, ts_capacity, "%s: no host memory", path);
    snprintf(temporary, length + 8, "%s.XXXXXX", path);
    int file = mkstemp(temporary);
    if (file < 0) {
        free(temporary);
        return fail_errno(diag, path, "write");
    }
    mode_t mask = umask(0);
    umask(mask);
    bool is_written = write_all(file, data, size) && fchmod(file, 0666 & ~mask) == 0;
    int error = errno;
    if (close(file) != 0 && is_written) {
        is_written = false;
        error = errno;
    }
    if (is_written && rename(temporary, path) != 0) {
        is_written = false;
        error = errno;
    }
    if (!is_written) unlink(temporary);
    free(temporary);
    errno = error;
    return is_written ? ts_ok : fail_errno(diag, path, "write");
}

/* Creates `folder` and its missing parents. False, with errno set, when one cannot be created. */
static bool make_folders(const char *folder) {
    char *path = strdup(folder);
    bool is_made = path != NULL;
    for (char *at = path + 1; is_made && *path; at++) {
        bool is_end = *at == '\0';
        if (!is_end && *at != '/') continue;
        *at = '\0';
        is_made = mkdir(path, 0777) == 0 || errno == EEXIST || access(path, F_OK) == 0;
        if (is_end) break;
        *at = '/';
    }
    int why = errno;
    free(path);
    errno = why;
    return is_made;
}

ts_status ts_file_folder(const char *folder, const char *setting, char **absolute, ts_diag *diag) {
    const char *what = "make the folder";
    struct stat info;
    *absolute = NULL;
    if (make_folders(folder)) {
        what = "write to";
        *absolute = realpath(folder, NULL);
        bool is_found = *absolute && stat(*absolute, &info) == 0;
        if (is_found && !S_ISDIR(info.st_mode))
            errno = ENOTDIR;
        else if (is_found && access(*absolute, W_OK) == 0)
            return ts_ok;
    }
    ts_fail(diag, ts_system, "%s: cannot %s %.200s: %s", setting, what, folder, strerror(errno));
    ts_diag_remedy(diag, "set it to a folder that can be written, or unset it");
    free(*absolute);
    *absolute = NULL;
    return ts_system;
}

uint64_t ts_hash(const void *data, size_t size, uint64_t seed) {
    const uint8_t *bytes = data;
    uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
