/* Standard output and standard error of the command. Besides main.c the only file that prints. */
#include "cli/console.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool ts_console_color(FILE *stream) {
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (no_color && *no_color) return false;
    if (terminal && strcmp(terminal, "dumb") == 0) return false;
    return isatty(fileno(stream)) == 1;
}

/* The first of these variables that is set decides the encoding, as in other programs. */
static bool is_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

ts_report_style ts_console_style(void) {
    return (ts_report_style){.has_blocks = isatty(fileno(stdout)) == 1 && is_utf8(),
                             .has_color = ts_console_color(stdout)};
}

/* Length of the UTF-8 character at `at`; 0 when it is invalid or a control character. */
static int character(const unsigned char *at) {
    if (*at < 0x80) return *at >= 0x20 && *at != 0x7f;
    int more = *at >= 0xc2 && *at < 0xe0 ? 1 : (*at & 0xf0) == 0xe0 ? 2 : *at >= 0xf0 && *at < 0xf5 ? 3 : 0;
    for (int i = 1; i <= more; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    bool is_overlong = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90);
    bool is_outside = (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf4 && at[1] >= 0x90);
    return more && !is_overlong && !is_outside ? more + 1 : 0;
}

static void clean(char *text) {
    for (unsigned char *at = (unsigned char *)text; *at;) {
        int length = character(at);
        if (length == 0) *at = *at == '\n' || *at == '\t' ? ' ' : '?';
        at += length ? length : 1;
    }
}

void ts_console_clean(ts_diag *diag) {
    clean(diag->message);
    clean(diag->op);
    clean(diag->where);
    clean(diag->remedy);
}

void ts_console_error(const ts_diag *diag) {
    char line[2048];
    ts_diag_format(diag, line, sizeof line);
    bool is_colored = ts_console_color(stderr);
    fprintf(stderr, "trainstone: %s%s%s\n", is_colored ? "\033[31m" : "", line, is_colored ? "\033[0m" : "");
}

/* A JSON string of cleaned text, in which UTF-8 stays as it is. */
static void add_string(ts_text *out, const char *words) {
    ts_text_add(out, "\"");
    for (; *words; words++) {
        if (*words == '"' || *words == '\\') ts_text_add(out, "\\");
        ts_text_add_n(out, words, 1);
    }
    ts_text_add(out, "\"");
}

void ts_console_error_json(const ts_diag *diag, ts_text *out) {
    const char *const keys[] = {"kind", "op", "where", "message", "remedy"};
    const char *const values[] = {ts_status_name(diag->status), diag->op, diag->where, diag->message,
                                  diag->remedy};
    ts_text_add(out, "{\"error\": {");
    for (int i = 0; i < 5; i++) {
        ts_text_format(out, "%s\"%s\": ", i ? ", " : "", keys[i]);
        add_string(out, values[i]);
    }
    ts_text_add(out, "}}\n");
}

void ts_console_note(const char *format, ...) {
    va_list arguments;
    fputs("trainstone: note: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

ts_status ts_console_write(const ts_text *text, ts_diag *diag) {
    errno = 0;
    bool is_written = text->length == 0 || fwrite(text->data, 1, text->length, stdout) == text->length;
    if (fflush(stdout) != 0) is_written = false;
    if (is_written) return ts_ok;
    return ts_fail(diag, ts_system, "cannot write to standard output: %s", strerror(errno));
}

struct ts_progress {
    char what[160];
    bool is_said; /* set by ts_progress_say, whose line shows no seconds */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool is_stopped;
};

static void *show(void *context) {
    ts_progress *progress = context;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&progress->mutex);
    for (int seconds = 1; !progress->is_stopped; seconds++) {
        next.tv_sec++;
        while (!progress->is_stopped &&
               pthread_cond_timedwait(&progress->stopped, &progress->mutex, &next) != ETIMEDOUT)
            ;
        if (progress->is_stopped || seconds < 2) continue;
        if (progress->is_said)
            fprintf(stderr, "\r\033[?7l%s\033[K\033[?7h", progress->what); /* cut at the terminal's edge */
        else
            fprintf(stderr, "\r%s ... %d s\033[K", progress->what, seconds);
    }
    pthread_mutex_unlock(&progress->mutex);
    fputs("\r\033[K", stderr);
    return NULL;
}

ts_progress *ts_progress_start(const char *what) {
    if (isatty(STDERR_FILENO) != 1) return NULL;
    ts_progress *progress = calloc(1, sizeof *progress);
    if (!progress) return NULL;
    snprintf(progress->what, sizeof progress->what, "%s", what);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&progress->mutex, NULL);
    if (pthread_create(&progress->thread, NULL, show, progress) == 0) return progress;
    pthread_cond_destroy(&progress->stopped);
    pthread_mutex_destroy(&progress->mutex);
    free(progress);
    return NULL;
}

void ts_progress_say(ts_progress *progress, const char *format, ...) {
    if (!progress) return;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&progress->mutex);
    vsnprintf(progress->what, sizeof progress->what, format, arguments);
    progress->is_said = true;
    pthread_mutex_unlock(&progress->mutex);
    va_end(arguments);
}

void ts_progress_stop(ts_progress *progress) {
    if (!progress) return;
    pthread_mutex_lock(&progress->mutex);
    progress->is_stopped = true;
    pthread_cond_signal(&progress->stopped);
    pthread_mutex_unlock(&progress->mutex);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->stopped);
    pthread_mutex_destroy(&progress->mutex);
    free(progress);
}
