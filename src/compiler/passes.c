/* The compiler's table of contents: its passes, in the order in which they run. */
#include "compiler/compile.h"

#include <stdio.h>
#include <string.h>

#include "base/unit.h"
#include "compiler/graph/collective.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"

typedef struct compilation {
    ts_module *module;
    ts_func *main;
    ts_lower lower;      /* holds the program that is being made */
    ts_program unskewed; /* the program before loops were skewed */
    bool is_skewed;
    ts_auto_cast auto_cast;
    ts_dtype auto_cast_type;
    ts_diag *diag;
} compilation;

static ts_status run_inline(compilation *c) {
    return ts_inline(c->module, c->main, c->diag);
}

static ts_status run_ranks(compilation *c) {
    return ts_expand_ranks(c->module, c->main, c->diag);
}

static ts_status run_complex(compilation *c) {
    return ts_split_complex(c->module, c->main, c->diag);
}

static ts_status run_sort(compilation *c) {
    TS_TRY(ts_expand_sorts(c->module, c->main, c->diag));
    return ts_sort_keys(c->module, c->main, c->diag);
}

static ts_status run_expand(compilation *c) {
    return ts_expand(c->module, c->main, c->diag);
}

static ts_status run_fp8(compilation *c) {
    return ts_expand_fp8(c->module, c->main, c->diag);
}

static ts_status run_cast(compilation *c) {
    return ts_auto_cast_run(c->module, c->main, c->auto_cast, c->auto_cast_type);
}

static ts_status run_fold(compilation *c) {
    return ts_fold(c->module, c->main, c->diag);
}

static ts_status run_find(compilation *c) {
    return ts_find_functions(c->module, c->main, c->diag);
}

static ts_status run_narrow(compilation *c) {
    TS_TRY(ts_narrow_int(c->module, c->main, c->diag));
    TS_TRY(ts_split_integers(c->module, c->main, c->diag));
    return ts_fold(c->module, c->main, c->diag);
}

static ts_status run_later(compilation *c) {
    TS_TRY(ts_late_sums(c->module, c->main, c->diag));
    return ts_fold(c->module, c->main, c->diag);
}

static ts_status run_rows(compilation *c) {
    return ts_sum_rows(c->module, c->main, c->diag);
}

static ts_status run_into(compilation *c) {
    TS_TRY(ts_scatter_into(c->module, c->main, c->diag));
    return ts_fold(c->module, c->main, c->diag);
}

static ts_status run_first(compilation *c) {
    TS_TRY(ts_sort_first(c->module, c->main, c->diag));
    return ts_fold(c->module, c->main, c->diag);
}

static ts_status run_divide(compilation *c) {
    TS_TRY(ts_split_divisions(c->module, c->main, c->diag));
    return ts_fold(c->module, c->main, c->diag);
}

static ts_status run_angles(compilation *c) {
    return ts_small_angles(c->module, c->main, c->diag);
}

/* Copies the module's locations to the program. Their indices stay the same, so that instructions can take
   over the loc of their op. */
static void copy_locs(const ts_module *module, ts_program *program) {
    const char *file = NULL, *file_copy = "";
    program->locs.count = 0;
    for (uint32_t i = 0; i < module->locs.count; i++) {
        ts_loc loc = module->locs.data[i];
        if (loc.file != file) file_copy = ts_arena_string(&program->arena, loc.file);
        file = loc.file;
        loc.file = file_copy;
        loc.name = ts_arena_string(&program->arena, loc.name);
        ts_vec_push(&program->locs, &program->arena, loc);
    }
}

static ts_status run_channels(compilation *c) {
    return ts_channels_first(c->module, c->main, c->diag);
}

static ts_status run_combine(compilation *c) {
    TS_TRY(ts_sum_collectives(c->module, c->main, c->diag));
    return ts_combine_collectives(c->module, c->main, c->diag);
}

static ts_status run_lower(compilation *c) {
    copy_locs(c->module, c->lower.program);
    return ts_lower_main(&c->lower);
}

static ts_status run_reside(compilation *c) {
    ts_plan_forward(&c->lower.b);
    ts_plan_reside(&c->lower.b);
    ts_plan_invariants(&c->lower.b);
    return ts_ok;
}

static ts_status run_skew(compilation *c) {
    c->unskewed = *c->lower.program;
    c->is_skewed = ts_plan_skew(&c->lower.b);
    return ts_ok;
}

/* Values of several trips take more room at once: where there is none, the program stays as it was. */
static ts_status run_place(compilation *c) {
    ts_diag unfit = {0};
    if (!c->is_skewed || ts_plan_place(&c->lower.b, &unfit) != ts_ok) {
        if (c->is_skewed) ts_plan_unskew(&c->lower.b, &c->unskewed);
        TS_TRY(ts_plan_place(&c->lower.b, c->diag));
    }
    return ts_plan_check_hbm(&c->lower.b, c->diag);
}

static ts_status run_verify(compilation *c) {
    return ts_program_verify(c->lower.program, c->lower.b.chip, c->diag);
}

typedef struct pass {
    const char *name;
    ts_status (*run)(compilation *c);
    bool has_program; /* print the program after it, not the graph */
} pass;

static const pass passes[] = {
    {"inline", run_inline, false},     /* one function, no calls */
    {"ranks", run_ranks, false},       /* collectives by rank */
    {"complex", run_complex, false},   /* complex numbers by their parts */
    {"sort", run_sort, false},         /* sorts compare their operands directly */
    {"expand", run_expand, false},     /* ops that other ops can compute */
    {"fp8", run_fp8, false},           /* f8E4M3FN becomes bytes */
    {"cast", run_cast, false},         /* --auto-cast */
    {"fold", run_fold, false},         /* constants, identities, equal ops, dead ops */
    {"find", run_find, false},         /* functions of ScalarE that the graph spells out */
    {"narrow", run_narrow, false},     /* integers in the engines' forms */
    {"angles", run_angles, false},     /* sines and cosines of small angles */
    {"divide", run_divide, false},     /* quotients by a reciprocal */
    {"later", run_later, false},       /* sums of products that loops carry, after the loop */
    {"first", run_first, false},       /* sorts of which only the first elements are read */
    {"into", run_into, false},         /* sums with scattered values, as scatters */
    {"channels", run_channels, false}, /* images between convolutions, channels first */
    {"rows", run_rows, false},         /* large sums, row by row */
    {"combine", run_combine, false},   /* small collectives merged */
    {"lower", run_lower, true},        /* ops become loop nests of instructions over virtual tiles */
    {"reside", run_reside, true},      /* values that stay in SBUF between nests */
    {"skew", run_skew, true},          /* parts of a loop's body trips behind the others */
    {"place", run_place, true},        /* addresses in SBUF, PSUM and HBM */
    {"verify", run_verify, true},      /* what the instruction set demands of every program */
};
enum { PASS_COUNT = sizeof passes / sizeof *passes };

static ts_status check_dump(const ts_compile_options *options, ts_diag *diag) {
    if (!options || !options->dump_pass) return ts_ok;
    for (int i = 0; i < PASS_COUNT; i++)
        if (strcmp(passes[i].name, options->dump_pass) == 0) return ts_ok;
    char names[256] = "";
    for (size_t i = 0, at = 0; i < PASS_COUNT && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "", passes[i].name);
    return ts_fail(diag, ts_usage, "no pass is named '%s'; there are %s", options->dump_pass, names);
}

static void dump(const compilation *c, const pass *done, const ts_compile_options *options) {
    if (!options || !options->dump_pass || strcmp(done->name, options->dump_pass) != 0) return;
    if (done->has_program)
        ts_program_print(c->lower.program, options->dump);
    else
        ts_module_print(c->module, options->dump);
}

static ts_status fail_no_main(const ts_module *module, ts_diag *diag) {
    ts_fail(diag, ts_input, "the module has no function @main%s%.64s",
            module->funcs.count ? "; its first is @" : "",
            module->funcs.count ? module->funcs.data[0]->name : "");
    ts_diag_remedy(diag, "%s", "name the function to compile main");
    return ts_input;
}

static ts_status check_arguments(const ts_func *main, ts_diag *diag) {
    for (uint32_t i = 0; i < main->body->arg_count; i++) {
        if (main->body->args[i]->type.kind == ts_type_tensor) continue;
        ts_fail(diag, ts_unsupported, "argument %u of @main is a %s", i,
                main->body->args[i]->type.kind == ts_type_token ? "token" : "tuple");
        ts_diag_remedy(diag, "%s", "pass tensors only");
        return ts_unsupported;
    }
    return ts_ok;
}

typedef struct job {
    ts_module *module;
    const ts_chip *chip;
    const ts_compile_options *options;
    ts_program *program;
    ts_diag *diag;
} job;

static ts_status run_passes(job *j, ts_func *main) {
    compilation c = {.module = j->module, .main = main, .diag = j->diag};
    c.lower = (ts_lower){.module = j->module,
                         .func = main,
                         .program = ts_program_new(j->module->name, j->chip->name),
                         .diag = j->diag};
    if (j->options) {
        c.auto_cast = j->options->auto_cast;
        c.auto_cast_type = j->options->auto_cast_type;
    }
    c.lower.program->ranks = ts_module_ranks(j->module);
    ts_builder_init(&c.lower.b, c.lower.program, j->chip);
    ts_status status = ts_ok;
    for (int i = 0; i < PASS_COUNT && status == ts_ok; i++) {
        status = passes[i].run(&c);
        if (status == ts_ok) dump(&c, &passes[i], j->options);
    }
    ts_arena_free(&c.lower.arena);
    j->program = c.lower.program;
    if (status != ts_ok) ts_program_free(c.lower.program);
    return status;
}

static ts_status compile_within(void *context) {
    job *j = context;
    TS_TRY(ts_module_check(j->module, j->diag));
    ts_func *main = ts_module_func(j->module, "main");
    if (!main) return fail_no_main(j->module, j->diag);
    TS_TRY(check_arguments(main, j->diag));
    TS_TRY(ts_module_find_ranks(j->module, j->options ? j->options->replicas : 0, j->diag));
    return run_passes(j, main);
}

ts_status ts_compile(ts_module *module, const ts_chip *chip, const ts_compile_options *options,
                     ts_program **program, ts_diag *diag) {
    job j = {.module = module, .chip = chip, .options = options, .diag = diag};
    const void *const kept[] = {&module->arena, options ? options->dump : NULL, NULL};
    *program = NULL;
    TS_TRY(check_dump(options, diag));
    ts_status status = ts_unit_run(kept, compile_within, &j, "compiling", diag);
    if (status == ts_ok) *program = j.program;
    return status;
}
