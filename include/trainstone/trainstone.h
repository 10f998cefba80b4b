/* Trainstone's public C interface. */
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

/* "0.1.0". Static storage. */
TS_API const char *ts_version(void);

/* The record of the latest program that ran in this process through the PJRT plugin, as one JSON object with
   predicted_seconds, mfu, engine_share, busy, hbm_bytes, bottleneck, assumptions and more. Copies at most
   `size` bytes, terminated when size > 0, and returns the length without the terminator that the whole text
   has (like snprintf), or 0 when nothing has run. Thread-safe. buffer may be NULL when size is 0. */
TS_API size_t ts_last_run_json(char *buffer, size_t size);

/* From now on every program that runs is kept and its runs are counted, until the process ends. */
TS_API void ts_count_runs(void);

/* Of the program that ran as the number-th (0, 1, ...) for the first time since ts_count_runs: {"runs": how
   often it ran, "record": as in ts_last_run_json}. Copies and returns like that; 0 when there are fewer. */
TS_API size_t ts_runs_json(size_t number, char *buffer, size_t size);

/* What this process runs now, as trainstone top --json tells it of each process. Copies and returns like
   ts_last_run_json; 0 without a client. */
TS_API size_t ts_status_json(char *buffer, size_t size);

/* For a process that is about to end: what runs on its devices ends between two instructions, and so does
   whatever is queued or comes later, as cancelled. */
TS_API void ts_cancel(void);

/* What a program's host_call calls: the function that the program knows by `id`, which reads `src` and fills
   `dst`. False, with a text of what went wrong in `error`, ends the program's run with that text. Called from
   a thread of the device, from one for each device at a time, and only while ts_host_runs() is not 0. */
typedef bool ts_host_call(int64_t id, const void *src, uint64_t src_bytes, void *dst, uint64_t dst_bytes,
                          char *error, size_t error_size);
TS_API void ts_on_host_call(ts_host_call *function);
/* How many runs of programs that call the host are queued or under way in this process. */
TS_API int ts_host_runs(void);

#ifdef __cplusplus
}
#endif

#endif
