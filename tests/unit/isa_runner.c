/* Runs self-contained instruction tests (tests/isa): a program in text form whose comments say what its input
   tensors hold and what must come out.

     isa_runner FILE.trn             parse, verify, run on poisoned memory with 1 and with 3 threads, compare
     isa_runner --coverage FILE...   the files use every row of isa.def, on every engine that executes it

   Directives, each a comment line:
     #: title TEXT                      what is tested (required)
     #: source TEXT                     where the claim comes from (required)
     #: in TENSOR = VALUE ...           contents of an input, or first contents of an output or scratch
     #: out TENSOR = VALUE ...          what an output must hold, bit for bit; a NaN matches any NaN
     #: ulp N                           later `out` lines allow N units in the last place
     #: fails STATUS TEXT               the run must stop with this status and a message that has TEXT
     #: refused TEXT                    the verifier must refuse the program with a message that has TEXT
     #: flops N   #: instructions N     the run's counters
     #: stochastic SEED                 writes round stochastically
     #: check KINDS   #: finds TEXT     checks (machine/check.h) to run, and a part of a finding's line,
                                        one for each finding
     #: tells TEXT                      a part of the lines below the findings
   A VALUE is a number (decimal, 0x1.8p3, nan, -inf), bits as `=7fc00000`, A..B counting by one, or
   VALUE*COUNT. Functions of host_call add their number to the bytes of src; function 99 fails. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/isa.h"
#include "base/file.h"
#include "machine/check.h"
#include "machine/machine.h"

enum { MAX_LINES = 4096, MAX_TENSORS = 64 };

typedef struct test {
    const char *path;
    char *text;
    char *lines[MAX_LINES];
    int line_count;
    ts_program *program;
    uint8_t *data[MAX_TENSORS], *first[MAX_TENSORS]; /* current contents; contents before the run */
    ts_run_stats stats;
    int failures;
} test;

static void fail(test *t, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(test *t, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: ", t->path, line);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    t->failures++;
}

/* The function that host_call calls: byte i of dst is byte i of src, which repeats, plus the function's
   number. Number 99 fails. */
static bool call_host(int64_t id, const void *src, uint64_t src_bytes, void *dst, uint64_t dst_bytes,
                      char *error, size_t error_size) {
    for (uint64_t i = 0; i < dst_bytes; i++)
        ((uint8_t *)dst)[i] = (uint8_t)((src_bytes ? ((const uint8_t *)src)[i % src_bytes] : 0) + id);
    if (id == 99) snprintf(error, error_size, "number 99 has %u bytes", (unsigned)src_bytes);
    return id != 99;
}

/* ---- directives ---- */

/* The directive's argument when line `i` is `#: name ...`, else NULL. */
static const char *directive(const test *t, int i, const char *name) {
    const char *line = t->lines[i];
    size_t length = strlen(name);
    if (strncmp(line, "#: ", 3) != 0 || strncmp(line + 3, name, length) != 0) return NULL;
    line += 3 + length;
    return *line == ' ' ? line + 1 : *line == 0 ? line : NULL;
}

static int find_directive(const test *t, const char *name) {
    for (int i = 0; i < t->line_count; i++)
        if (directive(t, i, name)) return i;
    return -1;
}

static void split_lines(test *t) {
    for (char *at = t->text; at && *at && t->line_count < MAX_LINES;) {
        char *end = strchr(at, '\n');
        t->lines[t->line_count++] = at;
        if (end) *end++ = 0;
        at = end;
    }
}

static int find_tensor(const test *t, const char *name, size_t length) {
    for (uint32_t i = 0; i < t->program->tensors.count; i++) {
        const char *own = t->program->tensors.data[i].name;
        if (strlen(own) == length && memcmp(own, name, length) == 0) return (int)i;
    }
    return -1;
}

/* One element's bytes from a number or `=bits`. */
static bool parse_value(const char *word, const char *end, unsigned dtype, uint8_t *to) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    char *stop;
    if (*word == '=') {
        uint64_t bits = strtoull(word + 1, &stop, 16);
        memcpy(to, &bits, (size_t)info->bytes);
    } else if (info->kind == 'f') {
        float value = strtof(word, &stop);
        ts_dtype_narrow(dtype, &value, to, 1);
    } else {
        int64_t value = strtoll(word, &stop, 0);
        memcpy(to, &value, (size_t)info->bytes);
    }
    return stop == end;
}

/* Fills `to` with the values after `text`; false with a failure when they do not fit the tensor. */
static bool parse_values(test *t, int line, const char *text, const ts_tensor *tensor, uint8_t *to) {
    size_t size = (size_t)ts_dtype_get(tensor->dtype)->bytes, count = tensor->bytes / size, used = 0;
    while (*text) {
        while (*text == ' ')
            text++;
        if (!*text) break;
        size_t length = strcspn(text, " "), repeat = 1;
        const char *end = text + length, *star = memchr(text, '*', length), *range = strstr(text, "..");
        if (star) repeat = strtoull(star + 1, NULL, 10);
        const char *stop = star ? star : end;
        bool is_range = range && range < end;
        int64_t low = strtoll(text, NULL, 10), high = is_range ? strtoll(range + 2, NULL, 10) : low;
        uint8_t element[16] = {0};
        char number[32];
        for (int64_t value = low; value <= high; value++) {
            snprintf(number, sizeof number, "%" PRId64, value);
            const char *word = is_range ? number : text,
                       *word_end = is_range ? number + strlen(number) : stop;
            if (!parse_value(word, word_end, tensor->dtype, element)) {
                fail(t, line + 1, "'%.*s' is no value of %s", (int)length, text,
                     ts_dtype_get(tensor->dtype)->name);
                return false;
            }
            for (size_t i = 0; i < repeat; i++, used++)
                if (used < count) memcpy(to + used * size, element, size);
        }
        text = end;
    }
    if (used == count) return true;
    fail(t, line + 1, "%zu values for tensor %s, which has %zu", used, tensor->name, count);
    return false;
}

/* `NAME = VALUES`: the tensor's index and the values' text, or -1 with a failure. */
static int parse_target(test *t, int line, const char *text, const char **values) {
    size_t length = strcspn(text, " ");
    int tensor = find_tensor(t, text, length);
    const char *equals = strstr(text, "= ");
    if (tensor < 0 || !equals) {
        fail(t, line + 1, "expected `TENSOR = VALUES` with a tensor of the program, found '%s'", text);
        return -1;
    }
    *values = equals + 2;
    return tensor;
}

/* ---- comparing ---- */

static int64_t ordered(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? -(int64_t)(bits & INT32_MAX) : bits;
}

static bool is_close(unsigned dtype, const uint8_t *expected, const uint8_t *actual, int ulp) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    if (memcmp(expected, actual, (size_t)info->bytes) == 0) return true;
    if (info->kind != 'f') return false;
    float a, b;
    ts_dtype_widen(dtype, expected, &a, 1);
    ts_dtype_widen(dtype, actual, &b, 1);
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return dtype == ts_dtype_f32 && llabs(ordered(a) - ordered(b)) <= ulp;
}

static void print_element(unsigned dtype, const uint8_t *at) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    uint64_t bits = 0;
    memcpy(&bits, at, (size_t)info->bytes);
    if (info->kind == 'f') {
        float value;
        ts_dtype_widen(dtype, at, &value, 1);
        printf("%.9g (=%0*" PRIx64 ")", (double)value, info->bytes * 2, bits);
    } else {
        int shift = 64 - 8 * info->bytes;
        int64_t value = info->kind == 's' ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
        printf("%" PRId64, value);
    }
}

static void compare(test *t, int line, const char *text, int ulp, int threads) {
    const char *values;
    int index = parse_target(t, line, text, &values);
    if (index < 0) return;
    const ts_tensor *tensor = &t->program->tensors.data[index];
    size_t size = (size_t)ts_dtype_get(tensor->dtype)->bytes, count = tensor->bytes / size, wrong = 0;
    uint8_t *expected = malloc(tensor->bytes + 1);
    if (expected && parse_values(t, line, values, tensor, expected))
        for (size_t i = 0; i < count; i++) {
            const uint8_t *actual = t->data[index] + i * size;
            if (is_close(tensor->dtype, expected + i * size, actual, ulp)) continue;
            if (wrong++ >= 4) continue;
            printf("%s:%d: %s[%zu] with %d threads: expected ", t->path, line + 1, tensor->name, i, threads);
            print_element(tensor->dtype, expected + i * size);
            printf(", got ");
            print_element(tensor->dtype, actual);
            printf(ulp ? ", %d ULP allowed\n" : "\n", ulp);
        }
    if (wrong) fail(t, line + 1, "%zu of %zu values differ", wrong, count);
    free(expected);
}

/* ---- running ---- */

static bool load(test *t, ts_diag *diag) {
    uint8_t *bytes;
    size_t size;
    if (ts_file_read(t->path, &bytes, &size, diag) != ts_ok) return false;
    t->text = (char *)bytes;
    ts_status status = ts_program_parse(t->text, t->path, &t->program, diag);
    split_lines(t);
    return status == ts_ok;
}

/* Fills the memory of each tensor; bytes that no `in` line sets are poison. */
static void fill(test *t) {
    const char *text, *values;
    for (uint32_t i = 0; i < t->program->tensors.count && i < MAX_TENSORS; i++) {
        const ts_tensor *tensor = &t->program->tensors.data[i];
        if (tensor->kind == ts_tensor_constant) continue;
        t->data[i] = malloc(tensor->bytes + 1);
        t->first[i] = malloc(tensor->bytes + 1);
        memset(t->first[i], 0xff, tensor->bytes);
    }
    for (int i = 0; i < t->line_count; i++) {
        int tensor = (text = directive(t, i, "in")) ? parse_target(t, i, text, &values) : -1;
        if (tensor < 0) continue;
        if (!t->first[tensor])
            fail(t, i + 1, "tensor %s is a constant", t->program->tensors.data[tensor].name);
        else
            parse_values(t, i, values, &t->program->tensors.data[tensor], t->first[tensor]);
    }
}

static void check_status(test *t, ts_status status, const ts_diag *diag) {
    char story[1400];
    int line = find_directive(t, "fails");
    ts_diag_format(diag, story, sizeof story);
    if (line < 0 && status == ts_ok) return;
    if (line < 0) {
        fail(t, 1, "%s", story);
        return;
    }
    const char *wanted = directive(t, line, "fails");
    size_t length = strcspn(wanted, " ");
    const char *name = ts_status_name(status), *part = wanted + length + (wanted[length] == ' ');
    if (strlen(name) != length || strncmp(name, wanted, length) != 0)
        fail(t, line + 1, "the run gave %s%s%s", name, status == ts_ok ? "" : ": ",
             status == ts_ok ? "" : story);
    else if (!strstr(story, part))
        fail(t, line + 1, "the message is: %s", story);
}

static void check_counters(test *t) {
    const char *text;
    for (int i = 0; i < t->line_count; i++) {
        if ((text = directive(t, i, "flops")) && strtoull(text, NULL, 10) != t->stats.pe_flops)
            fail(t, i + 1, "the run counted %" PRIu64, t->stats.pe_flops);
        if ((text = directive(t, i, "instructions")) && strtoull(text, NULL, 10) != t->stats.instructions)
            fail(t, i + 1, "the run counted %" PRIu64, t->stats.instructions);
    }
}

static void check_findings(test *t, int check, const ts_checks *checks) {
    ts_text found = {0};
    int lines = 0, expected = 0;
    ts_checks_text(checks, &found);
    for (const char *at = found.data; at && (at = strstr(at, "check ")); at++)
        lines += at == found.data || at[-1] == '\n';
    const char *text;
    for (int i = 0; i < t->line_count; i++) {
        if (!(text = directive(t, i, "finds"))) continue;
        expected++;
        if (!found.data || !strstr(found.data, text)) fail(t, i, "not found, but:\n%s", found.data);
    }
    for (int i = 0; i < t->line_count; i++)
        if ((text = directive(t, i, "tells")) && (!found.data || !strstr(found.data, text)))
            fail(t, i, "not told, but:\n%s", found.data);
    if (lines != expected) fail(t, check, "%d findings, %d expected:\n%s", lines, expected, found.data);
    ts_text_free(&found);
}

static ts_checks *make_checks(test *t, int check, ts_diag *diag) {
    uint32_t kinds = 0;
    if (check < 0) return NULL;
    if (ts_check_parse(directive(t, check, "check"), "check", &kinds, diag) != ts_ok)
        fail(t, check, "%s", diag->message);
    return ts_checks_new(t->program, kinds);
}

static void run(test *t, const ts_chip *chip, int threads) {
    ts_machine *machine;
    ts_pool *pool = NULL;
    ts_diag diag = {0};
    for (uint32_t i = 0; i < t->program->tensors.count && i < MAX_TENSORS; i++)
        if (t->data[i]) memcpy(t->data[i], t->first[i], t->program->tensors.data[i].bytes);
    ts_pool_new(threads, &pool, &diag);
    if (ts_machine_new(chip, pool, &machine, &diag) == ts_ok) {
        ts_run what = {.data = (void **)t->data, .poison = true, .stats = &t->stats, .host_call = call_host};
        int seeded = find_directive(t, "stochastic");
        if (seeded >= 0) {
            what.rounding = ts_rounding_stochastic;
            what.rounding_seed = (uint32_t)strtoul(directive(t, seeded, "stochastic"), NULL, 10);
        }
        int check = find_directive(t, "check");
        ts_checks *checks = make_checks(t, check, &diag);
        what.checks = checks;
        check_status(t, ts_machine_run(machine, t->program, &what, &diag), &diag);
        if (checks) check_findings(t, check, checks);
        ts_checks_free(checks);
        ts_machine_free(machine);
    } else {
        fail(t, 1, "%s", diag.message);
    }
    ts_pool_free(pool);
    const char *text;
    for (int i = 0, ulp = 0; i < t->line_count; i++) {
        if ((text = directive(t, i, "ulp"))) ulp = atoi(text);
        if ((text = directive(t, i, "out"))) compare(t, i, text, ulp, threads);
    }
    check_counters(t);
}

static void check_form(test *t) {
    if (find_directive(t, "title") < 0) fail(t, 1, "no `#: title`");
    if (find_directive(t, "source") < 0) fail(t, 1, "no `#: source`");
    bool is_judged =
        find_directive(t, "out") >= 0 || find_directive(t, "fails") >= 0 || find_directive(t, "check") >= 0;
    if (!is_judged && find_directive(t, "refused") < 0) fail(t, 1, "nothing is expected");
}

static int run_file(const char *path) {
    test t = {.path = path};
    ts_diag diag = {0};
    ts_chip chip;
    char story[1400];
    if (!load(&t, &diag) || ts_chip_get(t.program->chip, &chip, &diag) != ts_ok) {
        ts_diag_format(&diag, story, sizeof story);
        printf("%s\n", story);
        return 1;
    }
    check_form(&t);
    int refused = find_directive(&t, "refused");
    ts_status status = ts_program_verify(t.program, &chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (refused >= 0 && (status == ts_ok || !strstr(story, directive(&t, refused, "refused")))) {
        fail(&t, refused + 1, "the verifier said: %s", status == ts_ok ? "nothing" : story);
    } else if (refused < 0 && status != ts_ok) {
        fail(&t, 1, "%s", story);
    } else if (refused < 0) {
        fill(&t);
        run(&t, &chip, 1);
        if (!t.failures) run(&t, &chip, 3);
    }
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(t.data[i]);
        free(t.first[i]);
    }
    ts_program_free(t.program);
    free(t.text);
    return t.failures > 0;
}

/* ---- coverage ---- */

static int check_coverage(int count, char **paths) {
    static bool is_used[ts_op_count][ts_engine_count];
    int missing = 0;
    for (int i = 0; i < count; i++) {
        test t = {.path = paths[i]};
        ts_diag diag = {0};
        if (!load(&t, &diag)) {
            printf("%s: %s\n", paths[i], diag.message);
            return 1;
        }
        for (uint32_t j = 0; j < t.program->code.count && find_directive(&t, "out") >= 0; j++)
            is_used[t.program->code.data[j]->op][t.program->code.data[j]->engine] = true;
        ts_program_free(t.program);
        free(t.text);
    }
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++) {
        bool is_any = ts_op_is_transfer(op), has_any = false;
        for (unsigned engine = 0; engine < ts_engine_count; engine++) {
            has_any |= is_used[op][engine];
            if (is_any || !ts_op_allows(op, engine) || is_used[op][engine]) continue;
            printf("no file of tests/isa checks %s on engine %s\n", ts_op_get(op)->name,
                   ts_engine_name(engine));
            missing++;
        }
        if (is_any && !has_any) missing += printf("no file of tests/isa checks %s\n", ts_op_get(op)->name);
    }
    return missing > 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "--coverage") == 0) return check_coverage(argc - 2, argv + 2);
    if (argc != 2) {
        printf("usage: isa_runner FILE.trn | isa_runner --coverage FILE.trn...\n");
        return 2;
    }
    return run_file(argv[1]);
}
