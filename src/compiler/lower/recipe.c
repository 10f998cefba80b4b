/* Emits recipes: reads the steps of recipe.def and emits them on registers in SBUF. */
#include "compiler/lower/recipe.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_REGISTERS = 16, MAX_WORDS = 10, WORD_BYTES = 24 };

typedef struct step {
    int count;
    char word[MAX_WORDS][WORD_BYTES];
} step;

typedef struct kitchen {
    ts_emitter *e;
    int count;
    char name[MAX_REGISTERS][WORD_BYTES];
    ts_value_form form[MAX_REGISTERS];
} kitchen;

const ts_recipe *ts_recipe_find(unsigned kind) {
    static const ts_recipe rows[] = {
#define RECIPE(name, ulp, steps) {ts_hlo_##name, steps, ulp},
#include "compiler/lower/recipe.def"
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == kind) return &rows[i];
    return NULL;
}

/* Splits off the next step, which ends in ';', into words. */
static const char *next_step(const char *text, step *s) {
    s->count = 0;
    while (*text && *text != ';') {
        size_t length = strcspn(text, " ;");
        if (length > 0 && length < WORD_BYTES && s->count < MAX_WORDS) {
            memcpy(s->word[s->count], text, length);
            s->word[s->count++][length] = '\0';
        }
        text += length + (text[length] == ' ');
    }
    return text + (*text == ';');
}

/* "t.i32" is register t, seen as i32. */
static ts_dtype split_name(const char *word, char *name) {
    size_t length = strcspn(word, ".");
    memcpy(name, word, length);
    name[length] = '\0';
    return word[length] ? ts_dtype_parse(word + length + 1, strlen(word + length + 1)) : ts_dtype_f32;
}

bool ts_recipe_has_gpsimd(const ts_recipe *recipe) {
    return strstr(recipe->steps, "gpsimd ") || strstr(recipe->steps, " angle ");
}

int ts_recipe_registers(const ts_recipe *recipe) {
    char names[MAX_REGISTERS][WORD_BYTES], name[WORD_BYTES];
    int count = 0;
    step s;
    for (const char *at = recipe->steps; *at;) {
        at = next_step(at, &s);
        bool is_new = s.count > 0;
        if (is_new) split_name(s.word[strcmp(s.word[0], "gpsimd") == 0], name);
        for (int i = 0; i < count; i++)
            is_new &= strcmp(names[i], name) != 0;
        if (is_new && count < MAX_REGISTERS) memcpy(names[count++], name, sizeof name);
    }
    return count;
}

static ts_value_form *find_register(kitchen *k, const char *name) {
    for (int i = 0; i < k->count; i++)
        if (strcmp(k->name[i], name) == 0) return &k->form[i];
    return NULL;
}

static ts_value_form *add_register(kitchen *k, const char *name, const ts_value_form *form) {
    if (k->count == MAX_REGISTERS) return NULL;
    memcpy(k->name[k->count], name, strlen(name) + 1);
    k->form[k->count] = form ? *form : ts_pointwise_tile(k->e, ts_dtype_f32, 1);
    return &k->form[k->count++];
}

/* The operand that a word names: a register, which is made when it is first written. */
static bool take_register(kitchen *k, const char *word, bool is_dst, ts_ap *ap) {
    char name[WORD_BYTES];
    ts_dtype dtype = split_name(word, name);
    ts_value_form *form = find_register(k, name);
    if (!form && is_dst) form = add_register(k, name, NULL);
    if (!form || dtype == ts_dtype_none) return false;
    ts_value_form as = *form;
    if (strchr(word, '.')) as.dtype = dtype;
    *ap = ts_pointwise_ap(k->e, &as);
    return true;
}

static bool take_number(const char *word, double *value) {
    char *end;
    *value = strtod(word, &end);
    return end != word && *end == '\0';
}

static bool take_alu(const char *word, ts_alu *alu, bool *is_reversed) {
    size_t length = strcspn(word, "~");
    *is_reversed = word[length] == '~';
    for (int i = 0; i < ts_alu_count; i++)
        if (strlen(ts_alu_name((unsigned)i)) == length &&
            memcmp(ts_alu_name((unsigned)i), word, length) == 0) {
            *alu = (ts_alu)i;
            return true;
        }
    return false;
}

static bool take_act(const char *word, ts_act *act) {
    for (int i = 0; i < ts_act_count; i++)
        if (strcmp(ts_act_name((unsigned)i), word) == 0) {
            *act = (ts_act)i;
            return true;
        }
    return false;
}

/* dst = FUNC of a [number] */
static bool emit_function(kitchen *k, const step *s, int at, const ts_ap *dst) {
    ts_ap data;
    double number = 1;
    ts_act act;
    bool is_angle = strcmp(s->word[at], "angle") == 0;
    if (!take_register(k, s->word[at + 2], false, &data)) return false;
    if (at + 3 < s->count && !take_number(s->word[at + 3], &number)) return false;
    if (is_angle) {
        ts_emit_fold_angle(k->e->b, dst, &data, (int)number);
        return true;
    }
    if (!take_act(s->word[at], &act)) return false;
    ts_emit_activation(k->e->b, dst, act, &data, number);
    return true;
}

/* dst = a op x [op x] */
static bool emit_operators(kitchen *k, const step *s, int at, ts_engine engine, const ts_ap *dst) {
    ts_ap data, side;
    ts_alu alu[2] = {ts_alu_bypass, ts_alu_bypass};
    bool is_reversed[2] = {false};
    double number[2] = {0};
    int operators = (s->count - at - 1) / 2;
    if (operators < 1 || operators > 2 || s->count != at + 1 + 2 * operators) return false;
    if (!take_register(k, s->word[at], false, &data)) return false;
    for (int i = 0; i < operators; i++)
        if (!take_alu(s->word[at + 1 + 2 * i], &alu[i], &is_reversed[i])) return false;
    const char *last = s->word[s->count - 1];
    bool is_number = take_number(last, &number[operators - 1]);
    if (!is_number && !take_register(k, last, false, &side)) return false;
    if (operators == 2 && !take_number(s->word[at + 2], &number[0])) return false;
    if (operators == 1 && !is_number) {
        ts_emit_tensor_tensor(k->e->b, engine, dst, is_reversed[0] ? &side : &data,
                              is_reversed[0] ? &data : &side, alu[0]);
    } else if (is_number) {
        ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(k->e->b, engine, dst, &data, alu[0],
                                                            ts_scalar_const(number[0]), is_reversed[0]);
        inst->op1 = (uint8_t)alu[1];
        inst->operand1 = ts_scalar_const(number[1]);
        inst->reverse1 = is_reversed[1];
    } else {
        ts_emit_scalar_tensor_tensor(k->e->b, dst, &data, alu[0], ts_scalar_const(number[0]), is_reversed[0],
                                     alu[1], &side, is_reversed[1]);
    }
    return true;
}

static bool emit_step(kitchen *k, const step *s) {
    int at = strcmp(s->word[0], "gpsimd") == 0;
    ts_engine engine = at ? ts_engine_gpsimd : ts_engine_vector;
    ts_ap dst, src, predicate;
    double number;
    if (s->count < at + 3 || !take_register(k, s->word[at], true, &dst)) return false;
    const char *assign = s->word[at + 1], *first = s->word[at + 2];
    if (strcmp(assign, "?=") == 0) {
        if (s->count != at + 5 || !take_register(k, first, false, &src) ||
            !take_register(k, s->word[at + 4], false, &predicate))
            return false;
        ts_emit_copy_predicated(k->e->b, &dst, &src, &predicate);
        return true;
    }
    if (strcmp(assign, "=") != 0) return false;
    if (s->count > at + 3)
        return strcmp(s->word[at + 3], "of") == 0 ? emit_function(k, s, at + 2, &dst)
                                                  : emit_operators(k, s, at + 2, engine, &dst);
    if (take_number(first, &number)) {
        ts_emit_memset(k->e->b, engine, &dst, number);
        return true;
    }
    if (!take_register(k, first, false, &src)) return false;
    ts_emit_copy(k->e->b, engine, &dst, &src);
    return true;
}

/* Whether the steps use the bits of an operand, which must then be fp32 in memory. */
static bool reads_bits(const ts_recipe *recipe, const char *name) {
    char word[4] = {' ', name[0], '.', '\0'};
    return strstr(recipe->steps, word) != NULL;
}

/* Whether only the last step touches the result. */
static bool writes_result_once(const ts_recipe *recipe) {
    step s = {0};
    int count = 0;
    for (const char *at = recipe->steps; *at;) {
        at = next_step(at, &s);
        for (int i = 0; i < s.count; i++)
            count += s.word[i][0] == 'r' && (s.word[i][1] == '\0' || s.word[i][1] == '.');
    }
    return count == 1 && s.count > 1 && strcmp(s.word[0], "r") == 0 && strcmp(s.word[1], "=") == 0;
}

static ts_value_form as_fp32(ts_emitter *e, const ts_value_form *form) {
    ts_value_form wide = ts_pointwise_tile(e, ts_dtype_f32, 1);
    ts_ap to = ts_pointwise_ap(e, &wide), from = ts_pointwise_ap(e, form);
    ts_emit_copy(e->b, ts_engine_vector, &to, &from);
    return wide;
}

ts_status ts_recipe_emit(ts_emitter *e, const ts_recipe *recipe, const ts_value_form *dst,
                         const ts_value_form *const *in, int count) {
    kitchen k = {.e = e};
    static const char *const operands[] = {"a", "b"};
    for (int i = 0; i < count && i < 2; i++) {
        ts_value_form form = *in[i];
        if (ts_dtype_is_float(form.dtype) && form.dtype != ts_dtype_f32 && reads_bits(recipe, operands[i]))
            form = as_fp32(e, in[i]);
        add_register(&k, operands[i], &form);
    }
    bool is_direct = dst->dtype == ts_dtype_f32 || ts_dtype_is_word(dst->dtype) || writes_result_once(recipe);
    ts_value_form *result = add_register(&k, "r", is_direct ? dst : NULL);
    step s;
    for (const char *at = recipe->steps; *at;) {
        at = next_step(at, &s);
        if (s.count == 0) continue;
        if (!emit_step(&k, &s))
            return ts_fail(e->lower->diag, ts_usage, "recipe of %s: '%s ...' is no step",
                           ts_hlo_name(recipe->kind), s.word[0]);
    }
    if (is_direct) return ts_ok;
    ts_ap to = ts_pointwise_ap(e, dst), from = ts_pointwise_ap(e, result);
    ts_emit_copy(e->b, ts_engine_vector, &to, &from);
    return ts_ok;
}
