/* Writes outputs as .npy files, all or none: into a hidden folder beside their destination, then renamed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/arrays.h"
#include "cli/console.h"
#include "cli/interrupt.h"

enum { MAX_PATH = 4096 };

static ts_status fail_path(ts_diag *diag, const char *what, const char *path) {
    return ts_fail(diag, ts_system, "cannot %s %.300s: %s", what, path, strerror(errno));
}

static ts_status output_path(char *path, const char *folder, int number, ts_diag *diag) {
    if (snprintf(path, MAX_PATH, "%s/output_%d.npy", folder, number) < MAX_PATH) return ts_ok;
    return ts_fail(diag, ts_system, "--out: a path longer than %d characters", MAX_PATH - 1);
}

/* Removes the last part of a path; "a" becomes "." and "/a" becomes "/". */
static void to_parent(char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0) path[length++] = '.';
    path[length] = '\0';
}

ts_status ts_arrays_check_folder(const char *folder, int count, ts_diag *diag) {
    char path[MAX_PATH];
    struct stat info;
    TS_TRY(output_path(path, folder, count, diag));
    for (int i = 0; i < count; i++) {
        TS_TRY(output_path(path, folder, i, diag));
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            return ts_fail(diag, ts_system, "cannot write %.300s: it is a folder", path);
    }
    snprintf(path, sizeof path, "%s", folder);
    while (stat(path, &info) != 0) {
        if (errno != ENOENT || strcmp(path, ".") == 0 || strcmp(path, "/") == 0)
            return fail_path(diag, "write to", folder);
        to_parent(path);
    }
    if (!S_ISDIR(info.st_mode)) {
        ts_fail(diag, ts_system, "cannot write to %.300s: %.100s is a file", folder, path);
        ts_diag_remedy(diag, "--out names a folder; it is made when missing");
        return ts_system;
    }
    if (access(path, W_OK | X_OK) != 0) return fail_path(diag, "write to", path);
    return ts_ok;
}

static void remove_folders(const char *folder, int made) {
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s", folder);
    for (; made > 0 && rmdir(path) == 0; made--)
        to_parent(path);
}

/* Makes the folder and its missing parents. *made: number of new folders, at the end of the path. */
static ts_status make_folders(const char *folder, int *made, ts_diag *diag) {
    char path[MAX_PATH];
    struct stat info;
    if (mkdir(folder, 0777) == 0) {
        *made = 1;
        return ts_ok;
    }
    if (errno == EEXIST && stat(folder, &info) == 0 && S_ISDIR(info.st_mode)) return ts_ok;
    if (errno != ENOENT) return fail_path(diag, "make the folder", folder);
    snprintf(path, sizeof path, "%s", folder);
    to_parent(path);
    if (strcmp(path, ".") == 0 || strcmp(path, "/") == 0) return fail_path(diag, "make the folder", folder);
    TS_TRY(make_folders(path, made, diag));
    if (mkdir(folder, 0777) == 0) {
        ++*made;
        return ts_ok;
    }
    fail_path(diag, "make the folder", folder);
    remove_folders(path, *made);
    *made = 0;
    return ts_system;
}

static ts_status write_all(const ts_arrays *arrays, const char *staging, ts_diag *diag) {
    char path[MAX_PATH];
    for (int i = 0; i < arrays->count; i++) {
        if (atomic_load(ts_interrupt_flag()))
            return ts_fail(diag, ts_cancelled, "interrupted: nothing was written");
        TS_TRY(output_path(path, staging, i, diag));
        TS_TRY(ts_npy_write(path, &arrays->array[i], diag));
    }
    return ts_ok;
}

static ts_status place_all(const ts_arrays *arrays, const char *staging, const char *folder, ts_diag *diag) {
    char from[MAX_PATH], to[MAX_PATH];
    for (int i = 0; i < arrays->count; i++) {
        TS_TRY(output_path(from, staging, i, diag));
        TS_TRY(output_path(to, folder, i, diag));
        if (rename(from, to) != 0) return fail_path(diag, "write", to);
    }
    return ts_ok;
}

static void remove_staging(const ts_arrays *arrays, const char *staging) {
    char path[MAX_PATH];
    for (int i = 0; i < arrays->count; i++)
        if (output_path(path, staging, i, NULL) == ts_ok) unlink(path);
    rmdir(staging);
}

static void note_older(const char *folder, int count) {
    char path[MAX_PATH];
    if (output_path(path, folder, count, NULL) == ts_ok && access(path, F_OK) == 0)
        ts_console_note("%s is from an earlier run: this program has %d output%s", path, count,
                        count == 1 ? "" : "s");
}

ts_status ts_arrays_write(const ts_arrays *arrays, const char *folder, ts_diag *diag) {
    int made = 0;
    char staging[MAX_PATH];
    ts_status status = make_folders(folder, &made, diag);
    if (status == ts_ok && snprintf(staging, sizeof staging, "%s/.trainstone-XXXXXX", folder) >= MAX_PATH)
        status = ts_fail(diag, ts_system, "--out: a path longer than %d characters", MAX_PATH - 1);
    if (status == ts_ok && !mkdtemp(staging)) status = fail_path(diag, "write to", folder);
    if (status != ts_ok) {
        remove_folders(folder, made);
        return status;
    }
    status = write_all(arrays, staging, diag);
    if (status == ts_ok) status = place_all(arrays, staging, folder, diag);
    remove_staging(arrays, staging);
    if (status != ts_ok)
        remove_folders(folder, made);
    else
        note_older(folder, arrays->count);
    return status;
}
