/* Trainstone's public C interface: version, records of runs, status, cancellation and calls of the host. */
#ifndef TS_TRAINSTONE_TRAINSTONE_H
#define TS_TRAINSTONE_TRAINSTONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TS_API __attribute__((visibility("default")))
#else
#define TS_API
#endif

/* The version, e.g. "0.1.0"; static storage. */
TS_API const char *ts_version(void);

/* The record of the latest program that ran in this process through the PJRT plugin, as one JSON object with
   predicted_seconds, mfu, engine_share, busy, hbm_bytes, bottleneck, assumptions and more. Like snprintf,
   copies at most `size` bytes, terminated when size > 0, and returns the length of the whole text without the
   terminator; 0 when no program has run. buffer may be NULL when size is 0. Thread-safe. */
TS_API size_t ts_last_run_json(char *buffer, size_t size);

/* From this call until the process ends, keeps the record of every program that runs and counts its runs. */
TS_API void ts_count_runs(void);

/* Programs are numbered 0, 1, ... in the order of their first runs after ts_count_runs. Gives for one of them
   {"runs": number of runs, "record": object as in ts_last_run_json}. Copies and returns like
   ts_last_run_json; 0 when there are fewer programs. */
TS_API size_t ts_runs_json(size_t number, char *buffer, size_t size);

/* What this process is running, as `trainstone top --json` shows it. Copies and returns like
   ts_last_run_json; 0 when the process has no client. */
TS_API size_t ts_status_json(char *buffer, size_t size);

/* For a process that is about to end: programs that run on its devices stop before their next instruction,
   and they, queued programs and later ones fail as cancelled. */
TS_API void ts_cancel(void);

/* A function of the caller that executes a program's host_call instructions: `id` names the function of the
   program, which reads `src` and fills `dst`. Returning false, with a message in `error`, ends the run with
   that message. It is called from the devices' threads, at most once at a time for each device, and only
   while ts_host_runs() is not 0. */
typedef bool ts_host_call(int64_t id, const void *src, uint64_t src_bytes, void *dst, uint64_t dst_bytes,
                          char *error, size_t error_size);
/* Sets the function that host_call instructions call; NULL: none, and such programs fail. */
TS_API void ts_on_host_call(ts_host_call *function);
/* Number of runs, queued or under way in this process, of programs that call the host. */
TS_API int ts_host_runs(void);

#ifdef __cplusplus
}
#endif

#endif
