/* Runs steps: arguments come from a .safetensors file, streams provide one slice per step, and carried
   results swap buffers with the arguments that they become. */
#include "cli/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/safetensors.h"
#include "cli/arrays.h"
#include "cli/bundle.h"
#include "cli/console.h"
#include "cli/interrupt.h"

typedef struct stepper {
    const ts_arguments *arguments;
    ts_session *session;
    ts_bundle bundle;
    ts_machine *machine;
    int core, steps, inputs, outputs;
    const char *values_path;
    ts_npy *streams;       /* by argument; data is NULL when it is not streamed */
    ts_extent **in, **out; /* places in the modelled HBM; a stream's changes with every step */
    void **in_data, **out_data;
    uint8_t **history; /* by result, the values of all steps: scalars and, with --out, results not carried */
} stepper;

bool ts_steps_wanted(const ts_arguments *arguments) {
    return arguments->steps || arguments->streams.count || arguments->save || arguments->load;
}

static const ts_tensor *input(const stepper *s, int number) {
    return ts_executable_input(s->session->executable, number);
}

static const ts_tensor *output(const stepper *s, int number) {
    return ts_executable_output(s->session->executable, number);
}

/* The dtype's name in the .safetensors format; NULL when it has none. */
static const char *stored_dtype(ts_dtype dtype) {
    static const char *const words[ts_dtype_count] = {
        [ts_dtype_i1] = "BOOL",         [ts_dtype_i8] = "I8",     [ts_dtype_u8] = "U8",
        [ts_dtype_i16] = "I16",         [ts_dtype_u16] = "U16",   [ts_dtype_i32] = "I32",
        [ts_dtype_u32] = "U32",         [ts_dtype_i64] = "I64",   [ts_dtype_u64] = "U64",
        [ts_dtype_f16] = "F16",         [ts_dtype_bf16] = "BF16", [ts_dtype_f32] = "F32",
        [ts_dtype_f64] = "F64",         [ts_dtype_c64] = "C64",   [ts_dtype_f8e5m2] = "F8_E5M2",
        [ts_dtype_f8e4m3fn] = "F8_E4M3"};
    return words[dtype];
}

/* ---- streams ---- */

static ts_status fail_name(const stepper *s, const char *option, const char *name, int length,
                           ts_diag *diag) {
    const ts_bundle *bundle = &s->bundle;
    char typed[120];
    snprintf(typed, sizeof typed, "%.*s", length, name);
    const char *near = ts_nearest(typed, bundle->arguments, bundle->argument_count);
    ts_fail(diag, ts_usage, "--%s: the program has no argument \"%s\"", option, typed);
    ts_text list = {0};
    for (int i = 0; i < bundle->argument_count && list.length < 160; i++)
        ts_text_format(&list, "%s%.60s", i ? ", " : "", bundle->arguments[i]);
    if (near)
        ts_diag_remedy(diag, "did you mean %s?", near);
    else
        ts_diag_remedy(diag, "its arguments are %s", list.data ? list.data : "none");
    ts_text_free(&list);
    return ts_usage;
}

static ts_status check_stream(const stepper *s, int number, const char *path, const ts_npy *array,
                              ts_diag *diag) {
    const ts_tensor *tensor = input(s, number);
    const char *name = s->bundle.arguments[number];
    bool fits = array->rank == tensor->rank + 1 && ts_array_is(array, (ts_dtype)tensor->dtype);
    for (int i = 0; fits && i < tensor->rank; i++)
        fits = array->dim[i + 1] == tensor->dim[i];
    if (!fits) {
        ts_text wanted = {0}, got = {0};
        ts_tensor_add(&wanted, tensor);
        ts_dims_add(&got, array->dim, array->rank);
        ts_fail(diag, ts_input, "--stream %.80s: each step takes %s, but %.160s holds %s of shape %s", name,
                wanted.data, path, array->descr, got.data);
        ts_diag_remedy(diag, "the file's first axis is the step, the others are the argument's");
        ts_text_free(&wanted);
        ts_text_free(&got);
        return ts_input;
    }
    if (tensor->dtype == ts_dtype_i1) TS_TRY(ts_array_check_bools(number, path, array, diag));
    if (s->bundle.source[number] < 0) return ts_ok;
    ts_fail(diag, ts_usage, "--stream %.80s: the result \"%.80s\" of each step becomes this argument", name,
            s->bundle.outputs[s->bundle.source[number]]);
    ts_diag_remedy(diag, "export with carry= that leaves it out, or stream another argument");
    return ts_usage;
}

static ts_status read_stream(stepper *s, const char *word, ts_diag *diag) {
    const char *equal = strchr(word, '=');
    if (!equal || equal == word || !equal[1]) {
        ts_fail(diag, ts_usage, "--stream takes ARG=FILE, not \"%.80s\"", word);
        ts_diag_remedy(diag, "such as --stream batch.x=x.npy");
        return ts_usage;
    }
    int number = ts_bundle_find(s->bundle.arguments, s->inputs, word, (size_t)(equal - word));
    if (number < 0) return fail_name(s, "stream", word, (int)(equal - word), diag);
    ts_npy *array = &s->streams[number];
    if (array->data) {
        ts_fail(diag, ts_usage, "--stream %.80s is given twice", s->bundle.arguments[number]);
        ts_diag_remedy(diag, "join the files along their first axis, the step");
        return ts_usage;
    }
    TS_TRY(ts_npy_read(equal + 1, array, diag));
    TS_TRY(check_stream(s, number, equal + 1, array, diag));
    if (!s->arguments->steps || array->dim[0] >= s->arguments->steps) return ts_ok;
    ts_fail(diag, ts_input, "--stream %.80s: %.200s holds %lld steps, --steps asks for %d",
            s->bundle.arguments[number], equal + 1, (long long)array->dim[0], s->arguments->steps);
    ts_diag_remedy(diag, "leave --steps out to run as many as the shortest stream has");
    return ts_input;
}

/* Without --steps the shortest stream gives the number of steps; without streams it is one. */
static ts_status read_streams(stepper *s, ts_diag *diag) {
    int64_t least = 1;
    bool is_first = true;
    for (uint32_t i = 0; i < s->arguments->streams.count; i++)
        TS_TRY(read_stream(s, s->arguments->streams.data[i], diag));
    for (int i = 0; i < s->inputs; i++)
        if (s->streams[i].data && (is_first || s->streams[i].dim[0] < least)) {
            least = s->streams[i].dim[0];
            is_first = false;
        }
    if (least > TS_MOST_STEPS) least = TS_MOST_STEPS;
    s->steps = s->arguments->steps ? s->arguments->steps : (int)least;
    if (s->steps) return ts_ok;
    ts_fail(diag, ts_input, "--stream: a file holds no step");
    ts_diag_remedy(diag, "its first axis, the step, must not be empty");
    return ts_input;
}

/* ---- values ---- */

static ts_status fail_value(const stepper *s, int number, const ts_stored *tensor, ts_diag *diag) {
    ts_text wanted = {0}, got = {0};
    ts_tensor_add(&wanted, input(s, number));
    if (tensor) ts_dims_add(&got, tensor->dim, tensor->rank);
    ts_fail(diag, ts_input, "%.200s: argument \"%.80s\" is %s, the file has %s %s", s->values_path,
            s->bundle.arguments[number], wanted.data, tensor ? tensor->dtype : "none",
            tensor ? got.data : "of that name");
    if (!tensor) ts_diag_remedy(diag, "stream it: --stream %.80s=FILE", s->bundle.arguments[number]);
    ts_text_free(&wanted);
    ts_text_free(&got);
    return ts_input;
}

static ts_status read_value(stepper *s, int number, const ts_safetensors *values, ts_diag *diag) {
    const ts_tensor *tensor = input(s, number);
    const ts_stored *value = ts_safetensors_find(values, s->bundle.arguments[number]);
    const char *dtype = stored_dtype((ts_dtype)tensor->dtype);
    bool fits = value && dtype && strcmp(value->dtype, dtype) == 0 && value->rank == tensor->rank &&
                memcmp(value->dim, tensor->dim, tensor->rank * sizeof tensor->dim[0]) == 0 &&
                value->bytes == tensor->bytes;
    if (!fits) return fail_value(s, number, value, diag);
    for (size_t i = 0; tensor->dtype == ts_dtype_i1 && i < value->bytes; i++)
        if (((const uint8_t *)value->data)[i] > 1) {
            ts_fail(diag, ts_input, "%.200s: \"%.80s\" has a bool that is neither 0 nor 1", s->values_path,
                    value->name);
            ts_diag_remedy(diag, "save x.astype(bool)");
            return ts_input;
        }
    TS_TRY(ts_hbm_alloc(s->machine, s->core, tensor->bytes, &s->in[number], diag));
    s->in_data[number] = s->in[number]->host;
    if (value->bytes) memcpy(s->in_data[number], value->data, value->bytes);
    return ts_ok;
}

static ts_status read_file(stepper *s, ts_diag *diag) {
    ts_safetensors values;
    ts_status status = ts_safetensors_read(s->values_path, &values, diag);
    for (uint32_t i = 0; i < values.count && status == ts_ok; i++) {
        const char *name = values.tensors[i].name;
        if (ts_bundle_find(s->bundle.arguments, s->inputs, name, strlen(name)) >= 0) continue;
        status =
            ts_fail(diag, ts_input, "%.200s: the program has no argument \"%.100s\"", s->values_path, name);
        ts_diag_remedy(diag, "give the file that was exported with this program, or that --save wrote");
    }
    for (int i = 0; i < s->inputs && status == ts_ok; i++)
        if (!s->streams[i].data) status = read_value(s, i, &values, diag);
    ts_safetensors_free(&values);
    return status;
}

static ts_status read_values(stepper *s, ts_diag *diag) {
    bool is_streamed = !s->arguments->load;
    for (int i = 0; i < s->inputs; i++)
        is_streamed &= s->streams[i].data != NULL;
    s->values_path = s->arguments->load
                         ? s->arguments->load
                         : ts_bundle_path(&s->bundle.arena, s->arguments->files.data[0], ".safetensors");
    return is_streamed ? ts_ok : read_file(s, diag);
}

/* ---- steps ---- */

static ts_status fail_history(const stepper *s, int number, ts_diag *diag) {
    ts_fail(diag, ts_capacity, "no host memory for \"%.80s\" of %d steps", s->bundle.outputs[number],
            s->steps);
    ts_diag_remedy(diag, "run fewer --steps at a time, with --save and --load in between");
    return ts_capacity;
}

static ts_status make_results(stepper *s, ts_diag *diag) {
    for (int i = 0; i < s->outputs; i++) {
        const ts_tensor *tensor = output(s, i);
        TS_TRY(ts_hbm_alloc(s->machine, s->core, tensor->bytes, &s->out[i], diag));
        s->out_data[i] = s->out[i]->host;
        bool is_kept = s->bundle.target[i] < 0 && (s->arguments->out || tensor->rank == 0);
        size_t bytes;
        if (!is_kept) continue;
        s->history[i] = __builtin_mul_overflow((size_t)s->steps, tensor->bytes, &bytes)
                            ? NULL
                            : malloc(bytes ? bytes : 1);
        if (!s->history[i]) return fail_history(s, i, diag);
    }
    return ts_ok;
}

static ts_status set_streams(stepper *s, int step, ts_diag *diag) {
    for (int i = 0; i < s->inputs; i++) {
        if (!s->streams[i].data) continue;
        uint64_t bytes = input(s, i)->bytes;
        if (s->in[i]) ts_hbm_free(s->machine, s->in[i]);
        s->in[i] = NULL;
        s->in_data[i] = s->streams[i].data + (size_t)step * bytes;
        TS_TRY(ts_hbm_import(s->machine, s->core, s->in_data[i], bytes, &s->in[i], diag));
    }
    return ts_ok;
}

static void carry(stepper *s, int step) {
    for (int i = 0; i < s->outputs; i++) {
        int to = s->bundle.target[i];
        size_t bytes = output(s, i)->bytes;
        if (s->history[i] && bytes) memcpy(s->history[i] + (size_t)step * bytes, s->out_data[i], bytes);
        if (to < 0) continue;
        ts_extent *extent = s->in[to];
        s->in[to] = s->out[i];
        s->out[i] = extent;
        s->in_data[to] = s->in[to]->host;
        s->out_data[i] = s->out[i]->host;
    }
}

static void add_number(const stepper *s, int number, int step, ts_text *out) {
    const ts_tensor *tensor = output(s, number);
    float value;
    ts_dtype_widen((ts_dtype)tensor->dtype, s->history[number] + (size_t)step * tensor->bytes, &value, 1);
    ts_text_format(out, "%.6g", (double)value);
}

static bool is_number(const stepper *s, int number) {
    const ts_tensor *tensor = output(s, number);
    return s->history[number] && tensor->rank == 0 && ts_dtype_get((ts_dtype)tensor->dtype)->native;
}

static double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Shows "step 35/60  result 2 1.93  ETA 4 s  wall 165 ms/step  predicted 3.87 ms/step". */
static void say(const stepper *s, int step, double start, ts_progress *progress) {
    if (!progress) return;
    double wall = (wall_seconds() - start) / (step + 1);
    ts_text line = {0};
    ts_text_format(&line, "step %d/%d", step + 1, s->steps);
    for (int i = 0; i < s->outputs && line.length < 60; i++) {
        if (!is_number(s, i)) continue;
        ts_text_format(&line, "  result %.20s ", s->bundle.outputs[i]);
        add_number(s, i, step, &line);
    }
    ts_diag unused = {0};
    const ts_record *record;
    ts_text_format(&line, "  ETA %.0f s  wall %.3g ms/step", wall * (s->steps - step - 1), 1e3 * wall);
    if (ts_executable_record(s->session->executable, &record, &unused) == ts_ok)
        ts_text_format(&line, "  predicted %.3g ms/step", 1e-9 * (double)record->total);
    if (line.data) ts_progress_say(progress, "%s", line.data);
    ts_text_free(&line);
}

static ts_status run_all(stepper *s, ts_progress *progress, ts_diag *diag) {
    ts_execute_options options = {.poison = s->arguments->poison, .cancel = ts_interrupt_flag()};
    double start = wall_seconds();
    for (int step = 0; step < s->steps; step++) {
        if (atomic_load(ts_interrupt_flag())) return ts_fail(diag, ts_cancelled, "interrupted");
        TS_TRY(set_streams(s, step, diag));
        TS_TRY(ts_executable_run(s->session->executable, 0, s->in_data, s->out_data, &options, diag));
        carry(s, step);
        say(s, step, start, progress);
    }
    return atomic_load(ts_interrupt_flag()) ? ts_fail(diag, ts_cancelled, "interrupted") : ts_ok;
}

static ts_status run(stepper *s, ts_diag *diag) {
    ts_progress *progress = s->arguments->quiet ? NULL : ts_progress_start("running");
    ts_interrupt_enter(ts_phase_run);
    ts_status status = run_all(s, progress, diag);
    ts_interrupt_enter(ts_phase_prepare);
    ts_progress_stop(progress);
    return status;
}

/* ---- results ---- */

/* Saves every argument that is not streamed, so that the file can replace the first values file. */
static ts_status save(const stepper *s, ts_diag *diag) {
    ts_arena arena = {0};
    ts_stored *tensors = TS_NEW_ARRAY(&arena, ts_stored, (size_t)s->inputs);
    uint32_t count = 0;
    for (int i = 0; i < s->inputs; i++) {
        const ts_tensor *tensor = input(s, i);
        if (s->streams[i].data) continue;
        ts_stored *stored = &tensors[count++];
        *stored = (ts_stored){.name = s->bundle.arguments[i],
                              .dtype = stored_dtype((ts_dtype)tensor->dtype),
                              .rank = tensor->rank,
                              .bytes = tensor->bytes,
                              .data = s->in_data[i]};
        memcpy(stored->dim, tensor->dim, tensor->rank * sizeof tensor->dim[0]);
    }
    ts_status status = ts_safetensors_write(s->arguments->save, tensors, count, diag);
    ts_arena_free(&arena);
    return status;
}

/* A carried result as the last step left it; other results get the step as their first axis. */
static ts_npy result_array(const stepper *s, int number) {
    const ts_tensor *tensor = output(s, number);
    bool is_stacked = s->bundle.target[number] < 0;
    ts_npy array = {.rank = tensor->rank + is_stacked, .bytes = tensor->bytes};
    snprintf(array.descr, sizeof array.descr, "%s", ts_dtype_get((ts_dtype)tensor->dtype)->npy);
    memcpy(array.dim + is_stacked, tensor->dim, tensor->rank * sizeof tensor->dim[0]);
    if (is_stacked) {
        array.dim[0] = s->steps;
        array.bytes *= (size_t)s->steps;
    }
    array.data = is_stacked ? s->history[number] : s->in_data[s->bundle.target[number]];
    return array;
}

static ts_status write_results(const stepper *s, ts_diag *diag) {
    ts_arena arena = {0};
    ts_arrays arrays = {.count = s->outputs, .array = TS_NEW_ARRAY(&arena, ts_npy, (size_t)s->outputs)};
    for (int i = 0; i < s->outputs; i++)
        arrays.array[i] = result_array(s, i);
    ts_status status = ts_arrays_write(&arrays, s->arguments->out, diag);
    ts_arena_free(&arena);
    return status;
}

static ts_status write_files(const stepper *s, ts_diag *diag) {
    ts_status status = ts_ok;
    ts_interrupt_enter(ts_phase_write);
    if (s->arguments->save) status = save(s, diag);
    if (status == ts_ok && s->arguments->out) status = write_results(s, diag);
    ts_interrupt_enter(ts_phase_prepare);
    return status;
}

static void describe(const stepper *s, ts_text *out) {
    int streamed = 0, carried = 0;
    for (int i = 0; i < s->inputs; i++) {
        streamed += s->streams[i].data != NULL;
        carried += s->bundle.source[i] >= 0;
    }
    ts_text_format(out, "%d step%s; of %d arguments %d carried, %d streamed\n", s->steps,
                   s->steps == 1 ? "" : "s", s->inputs, carried, streamed);
    for (int i = 0; i < s->outputs; i++) {
        if (!is_number(s, i)) continue;
        ts_text_format(out, "result %s  ", s->bundle.outputs[i]);
        add_number(s, i, 0, out);
        ts_text_add(out, " -> ");
        add_number(s, i, s->steps - 1, out);
        ts_text_add(out, "\n");
    }
    if (s->arguments->save) ts_text_format(out, "saved %s\n", s->arguments->save);
    ts_text_add(out, "\n");
}

static ts_status check_ranks(const stepper *s, ts_diag *diag) {
    const ts_program *program = ts_executable_program(s->session->executable);
    if (program->ranks == 1) return ts_ok;
    ts_fail(diag, ts_unsupported,
            "--steps, --stream, --load and --save with %.150s, a program of %u NeuronCores", program->name,
            program->ranks);
    ts_diag_remedy(diag, "run one step with --input, or train from JAX");
    return ts_unsupported;
}

static ts_status check_save(const stepper *s, ts_diag *diag) {
    for (int i = 0; i < s->inputs; i++) {
        ts_dtype dtype = (ts_dtype)input(s, i)->dtype;
        if (s->streams[i].data || stored_dtype(dtype)) continue;
        ts_fail(diag, ts_unsupported, "--save: .safetensors has no form for %s, the type of \"%.80s\"",
                ts_dtype_get(dtype)->name, s->bundle.arguments[i]);
        ts_diag_remedy(diag, "leave --save out; --out writes the results as .npy");
        return ts_unsupported;
    }
    return ts_ok;
}

static ts_status run_steps(stepper *s, ts_text *out, ts_diag *diag) {
    TS_TRY(check_ranks(s, diag));
    TS_TRY(ts_bundle_read(s->arguments->files.data[0], s->session->executable, &s->bundle, diag));
    TS_TRY(read_streams(s, diag));
    TS_TRY(read_values(s, diag));
    if (s->arguments->out) TS_TRY(ts_arrays_check_folder(s->arguments->out, s->outputs, diag));
    if (s->arguments->save) TS_TRY(check_save(s, diag));
    TS_TRY(make_results(s, diag));
    TS_TRY(run(s, diag));
    TS_TRY(write_files(s, diag));
    if (!s->arguments->quiet && !s->arguments->json) describe(s, out);
    return ts_ok;
}

static void close_steps(stepper *s) {
    for (int i = 0; i < s->inputs; i++) {
        if (s->in && s->in[i]) ts_hbm_free(s->machine, s->in[i]);
        if (s->streams) ts_npy_free(&s->streams[i]);
    }
    for (int i = 0; i < s->outputs; i++) {
        if (s->out && s->out[i]) ts_hbm_free(s->machine, s->out[i]);
        if (s->history) free(s->history[i]);
    }
    free(s->streams);
    free(s->in);
    free(s->out);
    free(s->in_data);
    free(s->out_data);
    free(s->history);
    ts_bundle_free(&s->bundle);
}

ts_status ts_steps_run(const ts_arguments *arguments, ts_session *session, ts_text *out, ts_diag *diag) {
    stepper s = {.arguments = arguments, .session = session};
    if (arguments->inputs.count) {
        ts_fail(diag, ts_usage, "--input gives the arguments of one run; steps take them from a file");
        ts_diag_remedy(diag, "use --load for values and --stream for what changes with every step");
        return ts_usage;
    }
    s.machine = ts_runtime_machine(session->runtime, 0, &s.core);
    s.inputs = ts_executable_inputs(session->executable);
    s.outputs = ts_executable_outputs(session->executable);
    s.streams = calloc((size_t)s.inputs + 1, sizeof *s.streams);
    s.in = calloc((size_t)s.inputs + 1, sizeof *s.in);
    s.in_data = calloc((size_t)s.inputs + 1, sizeof *s.in_data);
    s.out = calloc((size_t)s.outputs + 1, sizeof *s.out);
    s.out_data = calloc((size_t)s.outputs + 1, sizeof *s.out_data);
    s.history = calloc((size_t)s.outputs + 1, sizeof *s.history);
    bool is_made = s.streams && s.in && s.in_data && s.out && s.out_data && s.history;
    ts_status status = is_made ? run_steps(&s, out, diag) : ts_fail(diag, ts_capacity, "no host memory");
    close_steps(&s);
    return status;
}
