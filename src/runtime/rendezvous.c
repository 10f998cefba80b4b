/* Process 0 makes the shared memory and passes it to the others over a socket with an abstract name (no
   file), so that nothing is left of either when the processes end, however they end. */
#include "runtime/rendezvous.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/build_id.h"

enum { PAUSE_MS = 20, ANSWER_MS = 5000 };

/* The message that processes exchange. */
typedef struct hello {
    char magic[8];
    int32_t index, count, devices;
    uint8_t build[TS_BUILD_ID_MAX];
} hello;

typedef struct rendezvous {
    const ts_processes *processes;
    const atomic_bool *cancel;
    double until;
    hello own;
    struct sockaddr_un name;
    socklen_t name_length;
    ts_diag *diag;
} rendezvous;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void begin(rendezvous *r) {
    const ts_processes *p = r->processes;
    r->own = (hello){.magic = "TSMEET1", .index = p->index, .count = p->count, .devices = p->begin[p->count]};
    ts_build_id(r->own.build);
    r->name.sun_family = AF_UNIX;
    int length = snprintf(r->name.sun_path + 1, sizeof r->name.sun_path - 1, "trainstone-%u-%016" PRIx64,
                          (unsigned)geteuid(), ts_hash(p->root, strlen(p->root), 0));
    r->name_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* Sleeps before another attempt. Fails when the time is over or the run is cancelled. */
static ts_status pause_for(const rendezvous *r, int missing) {
    const ts_processes *p = r->processes;
    if (r->cancel && atomic_load(r->cancel))
        return ts_fail(r->diag, ts_cancelled, "interrupted while it waited for the other processes");
    if (now() < r->until) {
        poll(NULL, 0, PAUSE_MS);
        return ts_ok;
    }
    ts_fail(r->diag, ts_deadlock,
            "process %d of %d has not come to NEURON_RT_ROOT_COMM_ID=%.100s, where process %d waited",
            missing, p->count, p->root, p->index);
    ts_diag_remedy(r->diag,
                   "start all with that setting, NEURON_PJRT_PROCESS_INDEX 0 to %d and one "
                   "NEURON_PJRT_PROCESSES_NUM_DEVICES, "
                   "as torchrun does",
                   p->count - 1);
    return ts_deadlock;
}

static bool is_of_this_user(int connection) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

static void limit_time(int connection) {
    const struct timeval most = {.tv_sec = ANSWER_MS / 1000};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

/* ---- process 0 ---- */

static ts_status listen_there(const rendezvous *r, int *listener) {
    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*listener >= 0 && bind(*listener, (const struct sockaddr *)&r->name, r->name_length) == 0 &&
        listen(*listener, TS_MAX_RANKS) == 0)
        return ts_ok;
    if (errno != EADDRINUSE)
        return ts_fail(r->diag, ts_system, "no socket for the processes to meet: %s", strerror(errno));
    ts_fail(r->diag, ts_usage, "another process 0 waits at NEURON_RT_ROOT_COMM_ID=%.100s",
            r->processes->root);
    ts_diag_remedy(r->diag, "let that program end, or give this one another NEURON_RT_ROOT_COMM_ID");
    return ts_usage;
}

/* Sends process 0's own hello together with the shared memory's descriptor. A process of another program or
   build sees that from the hello and leaves. */
static void answer(const rendezvous *r, int connection, int file) {
    hello theirs, own = r->own;
    union {
        char bytes[CMSG_SPACE(sizeof file)];
        struct cmsghdr aligned;
    } control = {{0}};
    struct iovec part = {.iov_base = &own, .iov_len = sizeof own};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    limit_time(connection);
    if (!is_of_this_user(connection) ||
        recv(connection, &theirs, sizeof theirs, MSG_WAITALL) != sizeof theirs)
        return;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(head), &file, sizeof file);
    if (sendmsg(connection, &message, MSG_NOSIGNAL) < 0) return; /* its end is noticed later */
}

static ts_status hand_out(const rendezvous *r, int file, ts_shared *shared) {
    int listener, missing = -1;
    ts_status status = listen_there(r, &listener);
    while (status == ts_ok) {
        for (int connection; (connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;
             close(connection))
            answer(r, connection, file);
        status = ts_shared_all_there(shared, &missing, r->diag);
        if (status != ts_ok || missing < 0) break;
        status = pause_for(r, missing);
    }
    if (listener >= 0) close(listener);
    return status;
}

/* ---- the other processes ---- */

/* -1 also when process 0 has not arrived yet. */
static int connect_there(const rendezvous *r) {
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return -1;
    if (connect(connection, (const struct sockaddr *)&r->name, r->name_length) == 0 &&
        is_of_this_user(connection)) {
        limit_time(connection);
        if (send(connection, &r->own, sizeof r->own, MSG_NOSIGNAL) == sizeof r->own) return connection;
    }
    close(connection);
    return -1;
}

static bool receive(int connection, hello *theirs, int *file) {
    union {
        char bytes[CMSG_SPACE(sizeof *file)];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {.iov_base = theirs, .iov_len = sizeof *theirs};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    if (recvmsg(connection, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof *theirs) return false;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof *file)) return false;
    memcpy(file, CMSG_DATA(head), sizeof *file);
    return true;
}

static ts_status check_alike(const rendezvous *r, const hello *theirs) {
    const hello *own = &r->own;
    if (memcmp(own->magic, theirs->magic, sizeof own->magic) != 0 ||
        memcmp(own->build, theirs->build, sizeof own->build) != 0) {
        ts_fail(r->diag, ts_usage, "process %d has another build of Trainstone than process 0", own->index);
        ts_diag_remedy(r->diag, "let TRAINSTONE_LIBRARY be the same for all processes");
        return ts_usage;
    }
    if (own->count == theirs->count && own->devices == theirs->devices) return ts_ok;
    ts_fail(r->diag, ts_usage, "process %d is one of %d with %d devices, process 0 one of %d with %d",
            own->index, own->count, own->devices, theirs->count, theirs->devices);
    ts_diag_remedy(r->diag, "give all processes the same NEURON_PJRT_PROCESSES_NUM_DEVICES");
    return ts_usage;
}

static ts_status fetch(const rendezvous *r, int *file) {
    hello theirs;
    for (;;) {
        int connection = connect_there(r);
        bool is_told = connection >= 0 && receive(connection, &theirs, file);
        if (connection >= 0) close(connection);
        if (is_told) break;
        TS_TRY(pause_for(r, 0));
    }
    ts_status status = check_alike(r, &theirs);
    if (status == ts_ok) return ts_ok;
    close(*file);
    return status;
}

static ts_status wait_for_all(const rendezvous *r, ts_shared *shared) {
    for (int missing;;) {
        TS_TRY(ts_shared_all_there(shared, &missing, r->diag));
        if (missing < 0) return ts_ok;
        TS_TRY(pause_for(r, missing));
    }
}

ts_status ts_rendezvous(const ts_processes *processes, int seconds, const atomic_bool *cancel,
                        ts_meeting **meeting, ts_diag *diag) {
    rendezvous r = {.processes = processes, .cancel = cancel, .until = now() + seconds, .diag = diag};
    const ts_shared_place place = {.process = processes->index,
                                   .processes = processes->count,
                                   .members = processes->begin[processes->count]};
    int file = -1;
    ts_shared *shared = NULL;
    begin(&r);
    TS_TRY(processes->index == 0 ? ts_shared_make(&file, diag) : fetch(&r, &file));
    ts_status status = ts_shared_open(file, &place, &shared, diag);
    if (status != ts_ok) {
        close(file);
        return status;
    }
    status = processes->index == 0 ? hand_out(&r, file, shared) : wait_for_all(&r, shared);
    if (status != ts_ok) {
        ts_shared_close(shared);
        return status;
    }
    *meeting = ts_meeting_of_processes(shared);
    return *meeting ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for a meeting of processes");
}
