/* Runs self-contained compiler tests (tests/compiler): a graph in text form (docs/hlo.md) whose comments say
   what goes in, what must come out of the modelled machine, and what passes must leave.

     compiler_runner FILE.mlir...

   Directives, each a comment line:
     //: title TEXT             what is tested (required)
     //: in N = VALUE ...       elements of argument N; a list too short repeats. `in N of R`: of rank R alone
     //: random SCALE           arguments without `in` are pseudo-random within +-SCALE (integers: 0 to SCALE)
     //: out N = VALUE ...      elements of result N, on every rank; `out N of R`: of rank R
     //: reference              every result is what the plain interpreter computes (compiler_reference.c)
     //: close REL ABS          later out and reference lines allow |got - want| <= ABS + REL * |want|
                                (before it they are exact)
     //: after PASS has TEXT    the dump after the pass contains TEXT; `lacks TEXT`; `has N TEXT`: N times
     //: auto-cast MODE TYPE    compile with these flags
     //: clock MICROSECONDS     the program's time on the clock is at most this; without other directives that
                                judge values the program is not run
     //: pe-flops N             TensorE's flops, for programs with products that other engines compute
     //: fails STATUS TEXT      compiling stops with this status and a message that has TEXT
   A VALUE is a number, nan, inf, A..B counting by one, or VALUE*COUNT. A program that runs must
   execute as many TensorE flops as its dots and convolutions have, and give the same bits with one thread and
   with three, on poisoned memory. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "clock/clock.h"
#include "compiler/compile.h"
#include "compiler_reference.h"
#include "machine/machine.h"

enum { MAX_TENSORS = 64, MAX_VALUES = 4096, MAX_RANKS = 8 };

typedef struct test {
    const char *path, *text;
    ts_arena arena;
    ts_chip chip;
    ts_compile_options options;
    ts_program *program;
    const ts_tensor *inputs[MAX_TENSORS], *outputs[MAX_TENSORS];
    void *input_data[MAX_RANKS][MAX_TENSORS], *output_data[MAX_RANKS][MAX_TENSORS];
    int ranks;
    int input_count, output_count;
    double rel, abs;
    int failures;
} test;

/* The function that host_call calls: byte i of dst is byte i of src, which repeats, plus the function's
   number. */
static bool call_host(int64_t id, const void *src, uint64_t src_bytes, void *dst, uint64_t dst_bytes,
                      char *error, size_t error_size) {
    (void)error, (void)error_size;
    for (uint64_t i = 0; i < dst_bytes; i++)
        ((uint8_t *)dst)[i] = (uint8_t)((src_bytes ? ((const uint8_t *)src)[i % src_bytes] : 0) + id);
    return true;
}

static void fail(test *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(test *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s: ", t->path);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    t->failures++;
}

/* Finds the next line `//: name rest` at or after *at, and moves *at behind it. Returns a copy of rest; NULL
   at the end. */
static char *next_directive(test *t, const char **at, char *name, size_t name_size) {
    for (const char *line = *at; line && *line;) {
        const char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        const char *next = end ? end + 1 : line + length;
        if (length > 4 && strncmp(line, "//: ", 4) == 0) {
            char *rest = ts_arena_string_n(&t->arena, line + 4, length - 4);
            size_t word = strcspn(rest, " ");
            snprintf(name, name_size, "%.*s", (int)word, rest);
            *at = next;
            return rest + word + (rest[word] == ' ');
        }
        line = next;
    }
    return NULL;
}

static const char *find(test *t, const char *wanted) {
    char name[32], *rest;
    const char *at = t->text;
    while ((rest = next_directive(t, &at, name, sizeof name)))
        if (strcmp(name, wanted) == 0) return rest;
    return NULL;
}

/* ---- values ---- */

static int parse_values(const char *text, double *values) {
    int count = 0;
    while (*text && count < MAX_VALUES) {
        char *end, word[64];
        const char *range = strstr(text, "..");
        snprintf(word, sizeof word, "%.*s", (int)strcspn(text, " *"), text);
        if (range && range < text + strlen(word)) /* strtod would read "1." of "1..9" */
            word[range - text] = 0;
        double value = strtod(word, &end), last = value;
        long repeat = 1;
        if (end == word || *end) return -1;
        end = (char *)(uintptr_t)text + strlen(word);
        if (strncmp(end, "..", 2) == 0) last = strtod(end + 2, &end);
        if (*end == '*') repeat = strtol(end + 1, &end, 10);
        long steps = last > value ? (long)(last - value) : 0;
        for (long step = 0; step <= steps; step++)
            for (long i = 0; i < repeat && count < MAX_VALUES; i++)
                values[count++] = step == 0 ? value : value + (double)step;
        text = end + strspn(end, " ");
    }
    return count;
}

static int64_t elems_of(const ts_tensor *tensor) {
    return (int64_t)(tensor->bytes / (uint64_t)ts_dtype_get(tensor->dtype)->bytes);
}

static double *random_values(test *t, const ts_tensor *tensor, double scale, uint64_t seed) {
    int64_t count = elems_of(tensor);
    double *values = TS_NEW_ARRAY(&t->arena, double, (size_t)count);
    char kind = ts_dtype_get(tensor->dtype)->kind;
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double unit = (double)(seed >> 11) * 0x1p-53;
        values[i] = kind == 'f' ? (2 * unit - 1) * scale : kind == 'b' ? unit < 0.5 : floor(unit * scale);
    }
    return values;
}

/* "N = ..." or "N of R = ..."; rank is -1 for all. */
static bool read_number(test *t, const char *rest, int tensors, int *number, int *rank) {
    *rank = -1;
    int found = sscanf(rest, "%d of %d", number, rank);
    return found >= 1 && *number >= 0 && *number < tensors && *rank < t->ranks && strstr(rest, "= ");
}

static void set_inputs(test *t) {
    char name[32], *rest;
    const char *at = t->text;
    double scale = 0, *values = TS_NEW_ARRAY(&t->arena, double, MAX_VALUES);
    bool is_set[MAX_RANKS][MAX_TENSORS] = {{0}};
    while ((rest = next_directive(t, &at, name, sizeof name))) {
        int number, rank;
        if (strcmp(name, "random") == 0) scale = strtod(rest, NULL);
        if (strcmp(name, "in") != 0) continue;
        int count = read_number(t, rest, t->input_count, &number, &rank)
                        ? parse_values(strchr(rest, '=') + 2, values)
                        : 0;
        if (count <= 0) {
            fail(t, "bad line: in %s", rest);
            continue;
        }
        int64_t elems = elems_of(t->inputs[number]);
        double *all = TS_NEW_ARRAY(&t->arena, double, (size_t)elems);
        for (int64_t i = 0; i < elems; i++)
            all[i] = values[i % count];
        for (int r = rank < 0 ? 0 : rank; r < (rank < 0 ? t->ranks : rank + 1); r++) {
            ts_reference_narrow(t->inputs[number]->dtype, all, t->input_data[r][number], (size_t)elems);
            is_set[r][number] = true;
        }
    }
    for (int i = 0; i < t->input_count * t->ranks; i++) {
        int r = i / t->input_count, number = i % t->input_count;
        const ts_tensor *tensor = t->inputs[number];
        if (is_set[r][number]) continue;
        if (scale == 0 && tensor->bytes) fail(t, "argument %d has no values", number);
        ts_reference_narrow(tensor->dtype, random_values(t, tensor, scale, (uint64_t)i + 1),
                            t->input_data[r][number], (size_t)elems_of(tensor));
    }
}

/* ---- running ---- */

static void bind(test *t) {
    for (uint32_t i = 0; i < t->program->tensors.count; i++) {
        const ts_tensor *tensor = &t->program->tensors.data[i];
        bool is_input = tensor->kind == ts_tensor_input;
        if ((!is_input && tensor->kind != ts_tensor_output) || tensor->number >= MAX_TENSORS) continue;
        (is_input ? t->inputs : t->outputs)[tensor->number] = tensor;
        for (int r = 0; r < t->ranks; r++)
            (is_input ? t->input_data : t->output_data)[r][tensor->number] =
                ts_arena_alloc(&t->arena, tensor->bytes + 16);
        int *count = is_input ? &t->input_count : &t->output_count;
        if ((int)tensor->number >= *count) *count = (int)tensor->number + 1;
    }
}

/* One of the NeuronCores that run the program together. */
typedef struct member {
    test *t;
    ts_machine *machine;
    ts_run run;
    ts_run_stats stats;
    ts_diag diag;
    ts_status status;
    pthread_t thread;
} member;

static void *run_member(void *context) {
    member *m = context;
    m->status = ts_machine_run(m->machine, m->t->program, &m->run, &m->diag);
    return NULL;
}

static void **memory_of(test *t, int rank) {
    void **data = TS_NEW_ARRAY(&t->arena, void *, t->program->tensors.count + 1);
    char *scratch = ts_arena_alloc(&t->arena, t->program->scratch_bytes + 16);
    memset(scratch, 0xff, t->program->scratch_bytes);
    for (uint32_t i = 0; i < t->program->tensors.count; i++) {
        const ts_tensor *tensor = &t->program->tensors.data[i];
        if (tensor->kind == ts_tensor_input) data[i] = t->input_data[rank][tensor->number];
        if (tensor->kind == ts_tensor_output) {
            data[i] = t->output_data[rank][tensor->number];
            memset(data[i], 0xff, tensor->bytes);
        }
        if (tensor->kind == ts_tensor_scratch) data[i] = scratch + tensor->address;
    }
    return data;
}

static bool run_members(test *t, ts_machine *machine, uint64_t *flops) {
    member members[MAX_RANKS] = {{0}};
    ts_meeting *meeting = ts_meeting_new(t->ranks);
    bool is_good = true;
    for (int r = 0; r < t->ranks; r++) {
        member *m = &members[r];
        *m = (member){.t = t, .machine = machine};
        m->run = (ts_run){
            .core = r, .data = memory_of(t, r), .poison = true, .stats = &m->stats, .host_call = call_host};
        m->run.meeting = meeting;
        m->run.member = r;
    }
    for (int r = 1; r < t->ranks; r++)
        pthread_create(&members[r].thread, NULL, run_member, &members[r]);
    run_member(&members[0]);
    for (int r = 1; r < t->ranks; r++)
        pthread_join(members[r].thread, NULL);
    ts_meeting_free(meeting);
    for (int r = 0; r < t->ranks; r++) {
        char text[1400];
        ts_diag_format(&members[r].diag, text, sizeof text);
        if (members[r].status != ts_ok) fail(t, "rank %d: the run failed: %s", r, text);
        is_good &= members[r].status == ts_ok;
        if (members[r].stats.pe_flops > *flops) *flops = members[r].stats.pe_flops;
    }
    return is_good;
}

static bool run_once(test *t, int threads, uint64_t *flops) {
    ts_diag diag = {0};
    ts_pool *pool = NULL;
    ts_machine *machine = NULL;
    ts_chip chip = t->chip;
    if (t->ranks > 1) chip.cores = t->ranks; /* so that each has memory of its own */
    bool is_good = ts_pool_new(threads, &pool, &diag) == ts_ok &&
                   ts_machine_new(&chip, pool, &machine, &diag) == ts_ok && run_members(t, machine, flops);
    ts_machine_free(machine);
    ts_pool_free(pool);
    if (!is_good && diag.message[0]) fail(t, "the run failed: %s", diag.message);
    return is_good;
}

static void run_program(test *t) {
    uint64_t flops = 0, again = 0;
    void *first[MAX_RANKS][MAX_TENSORS];
    if (!run_once(t, 1, &flops)) return;
    const char *asked = find(t, "pe-flops");
    uint64_t want = asked ? strtoull(asked, NULL, 10) : t->program->model_flops;
    if (flops != want) fail(t, "%" PRIu64 " PE flops for %" PRIu64 " in the program", flops, want);
    for (int r = 0; r < t->ranks; r++)
        for (int i = 0; i < t->output_count; i++)
            first[r][i] = ts_arena_copy(&t->arena, t->output_data[r][i], t->outputs[i]->bytes);
    if (!run_once(t, 3, &again)) return;
    for (int r = 0; r < t->ranks; r++)
        for (int i = 0; i < t->output_count; i++)
            if (t->outputs[i]->bytes && memcmp(first[r][i], t->output_data[r][i], t->outputs[i]->bytes) != 0)
                fail(t, "result %d has other bits with three threads", i);
}

/* ---- judging ---- */

static void check_output(test *t, int number, int rank, const double *want, int64_t count) {
    const ts_tensor *tensor = t->outputs[number];
    int64_t elems = elems_of(tensor), wrong = 0;
    double *got = TS_NEW_ARRAY(&t->arena, double, (size_t)elems);
    ts_reference_widen(tensor->dtype, t->output_data[rank][number], got, (size_t)elems);
    if (count != elems && count >= 0) fail(t, "result %d has %" PRId64 " elements", number, elems);
    for (int64_t i = 0; i < elems && i < count; i++) {
        bool is_same = got[i] == want[i] ? signbit(got[i]) == signbit(want[i]) || t->abs > 0
                                         : isnan(got[i]) && isnan(want[i]);
        bool is_close = fabs(got[i] - want[i]) <= t->abs + t->rel * fabs(want[i]);
        if (is_same || (t->rel + t->abs > 0 && is_close)) continue;
        if (wrong++ < 4)
            fail(t, "result %d of rank %d element %" PRId64 " is %.9g, not %.9g", number, rank, i, got[i],
                 want[i]);
    }
    if (wrong > 4) fail(t, "result %d: %" PRId64 " of %" PRId64 " elements are wrong", number, wrong, elems);
}

static void check_reference(test *t, ts_module *module) {
    const double *inputs[MAX_TENSORS];
    double *results[MAX_TENSORS];
    for (int i = 0; i < t->input_count; i++) {
        double *values = TS_NEW_ARRAY(&t->arena, double, (size_t)elems_of(t->inputs[i]));
        ts_reference_widen(t->inputs[i]->dtype, t->input_data[0][i], values, (size_t)elems_of(t->inputs[i]));
        inputs[i] = values;
    }
    const char *unknown = ts_reference_run(module, &t->arena, inputs, results);
    if (unknown) {
        fail(t, "the reference does not know %s", unknown);
        return;
    }
    for (int i = 0; i < t->output_count; i++)
        check_output(t, i, 0, results[i], elems_of(t->outputs[i]));
}

static void check_line(test *t, const char *rest) {
    double *values = TS_NEW_ARRAY(&t->arena, double, MAX_VALUES);
    int number, rank;
    if (!read_number(t, rest, t->output_count, &number, &rank)) {
        fail(t, "bad line: out %s", rest);
        return;
    }
    int count = parse_values(strchr(rest, '=') + 2, values);
    for (int r = rank < 0 ? 0 : rank; r < (rank < 0 ? t->ranks : rank + 1); r++)
        check_output(t, number, r, values, count);
}

static int count_text(const char *in, const char *what) {
    int count = 0;
    for (const char *at = strstr(in, what); at; at = strstr(at + 1, what))
        count++;
    return count;
}

static ts_module *parse(test *t) {
    ts_diag diag = {0};
    ts_module *module = NULL;
    char text[1400];
    if (ts_module_parse(t->text, t->path, &module, &diag) == ts_ok) return module;
    ts_diag_format(&diag, text, sizeof text);
    fail(t, "%s", text);
    return NULL;
}

/* `after PASS has [N] TEXT` */
static void check_dump(test *t, char *rest) {
    char pass[32], verb[16];
    int used = 0, want = -1, skip = 0;
    if (sscanf(rest, "%31s %15s %n", pass, verb, &used) != 2) {
        fail(t, "bad line: after %s", rest);
        return;
    }
    const char *what = rest + used;
    if (sscanf(what, "%d %n", &want, &skip) == 1 && skip > 0) what += skip;
    if (strcmp(verb, "lacks") == 0) want = 0;
    ts_text dump = {0};
    ts_diag diag = {0};
    ts_compile_options options = t->options;
    options.dump_pass = pass;
    options.dump = &dump;
    ts_module *module = parse(t);
    ts_program *program = NULL;
    if (ts_compile(module, &t->chip, &options, &program, &diag) != ts_ok) fail(t, "%s", diag.message);
    int count = dump.data ? count_text(dump.data, what) : 0;
    if (want < 0 ? count == 0 : count != want) fail(t, "after %s: %d times '%s'", pass, count, what);
    ts_text_free(&dump);
    ts_program_free(program);
    ts_module_free(module);
}

static void judge(test *t) {
    char name[32], *rest;
    const char *at = t->text;
    int judged = 0;
    while ((rest = next_directive(t, &at, name, sizeof name))) {
        if (strcmp(name, "close") == 0) sscanf(rest, "%lf %lf", &t->rel, &t->abs);
        if (strcmp(name, "after") == 0) check_dump(t, rest);
        if (strcmp(name, "out") == 0) check_line(t, rest);
        if (strcmp(name, "reference") == 0) {
            ts_module *module = parse(t);
            check_reference(t, module);
            ts_module_free(module);
        }
        judged += strcmp(name, "out") == 0 || strcmp(name, "reference") == 0 || strcmp(name, "after") == 0;
    }
    if (!judged) fail(t, "nothing is judged");
}

static void read_flags(test *t, const char *text) {
    ts_diag diag = {0};
    size_t mode = strcspn(text, " ");
    const char *type = text + mode + (text[mode] == ' ');
    ts_status status = ts_auto_cast_parse(text, mode, "auto-cast", &t->options.auto_cast, &diag);
    if (status == ts_ok && *type)
        status = ts_auto_cast_type_parse(type, strlen(type), "auto-cast", &t->options.auto_cast_type, &diag);
    if (status != ts_ok) fail(t, "%s (%s)", diag.message, diag.remedy);
}

static void check_clock(test *t, const char *most) {
    ts_record record = {0};
    ts_diag diag = {0};
    if (ts_clock_run(t->program, &t->chip, NULL, &record, &diag) != ts_ok) fail(t, "%s", diag.message);
    double got = (double)record.total * 1e-6;
    if (got > atof(most)) fail(t, "the clock says %.1f us, at most %s", got, most);
    ts_record_free(&record);
}

static void run_test(test *t) {
    ts_diag diag = {0};
    char text[1400];
    ts_chip_get("trn1", &t->chip, &diag);
    if (!find(t, "title")) fail(t, "no title");
    ts_module *module = parse(t);
    if (!module) return;
    const char *flags = find(t, "auto-cast");
    if (flags) read_flags(t, flags);
    ts_status status = ts_compile(module, &t->chip, &t->options, &t->program, &diag);
    ts_module_free(module);
    ts_diag_format(&diag, text, sizeof text);
    const char *want = find(t, "fails");
    if (want) {
        size_t word = strcspn(want, " ");
        bool is_kind =
            strncmp(ts_status_name(status), want, word) == 0 && strlen(ts_status_name(status)) == word;
        if (!is_kind || !strstr(text, want + word + 1))
            fail(t, "compiling gave %s: %s", ts_status_name(status), text);
        return;
    }
    if (status != ts_ok) {
        fail(t, "compiling failed: %s", text);
        return;
    }
    const char *most = find(t, "clock");
    if (most) check_clock(t, most);
    if (most && !find(t, "out") && !find(t, "reference") && !find(t, "after")) return;
    t->ranks = (int)t->program->ranks;
    if (t->ranks > MAX_RANKS) {
        fail(t, "%d ranks, at most %d run here", t->ranks, MAX_RANKS);
        return;
    }
    bind(t);
    set_inputs(t);
    if (t->failures == 0) run_program(t);
    if (t->failures == 0) judge(t);
}

int main(int count, char **arguments) {
    int failures = 0;
    for (int i = 1; i < count; i++) {
        uint8_t *data = NULL;
        size_t size;
        ts_diag diag = {0};
        if (ts_file_read(arguments[i], &data, &size, &diag) != ts_ok) {
            printf("%s: %s\n", arguments[i], diag.message);
            return 1;
        }
        test t = {.path = arguments[i], .text = (const char *)data};
        run_test(&t);
        failures += t.failures;
        ts_program_free(t.program);
        ts_arena_free(&t.arena);
        free(data);
    }
    return failures > 0;
}
