/* Parses formulas by recursive descent, straight to polynomials whose atoms are x and the calls. */
#include "compiler/rewrite/formula.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 12, NAME_BYTES = 32, MAX_NESTING = 64 };

typedef struct reader {
    const char *at;
    ts_arena *arena;
    ts_formula *formula;
    int count, nesting;
    char name[MAX_NAMES][NAME_BYTES]; /* names given to sums so far */
    ts_poly value[MAX_NAMES];
} reader;

static bool read_sum(reader *r, ts_poly *out);

static bool take(reader *r, char c) {
    while (*r->at == ' ')
        r->at++;
    if (*r->at != c) return false;
    r->at++;
    return true;
}

static bool read_name(reader *r, char *name) {
    size_t length = 0;
    while (isalnum((unsigned char)r->at[length]) || r->at[length] == '_')
        length++;
    if (length == 0 || length >= NAME_BYTES || isdigit((unsigned char)*r->at)) return false;
    memcpy(name, r->at, length);
    name[length] = '\0';
    r->at += length;
    return true;
}

static bool find_operation(const char *name, ts_formula_call *call) {
    static const char *const directions[][2] = {{"eq", "EQ"}, {"ne", "NE"}, {"lt", "LT"},
                                                {"le", "LE"}, {"gt", "GT"}, {"ge", "GE"}};
    *call = (ts_formula_call){.kind = ts_hlo_compare, .direction = ""};
    for (size_t i = 0; i < sizeof directions / sizeof *directions; i++)
        if (strcmp(directions[i][0], name) == 0) call->direction = directions[i][1];
    if (*call->direction) return true;
    for (unsigned kind = 0; kind < ts_hlo_count; kind++)
        if ((ts_hlo_is_pointwise(kind) || kind == ts_hlo_erfc) && strcmp(ts_hlo_name(kind), name) == 0) {
            call->kind = (ts_hlo)kind;
            return true;
        }
    return false;
}

static bool read_call(reader *r, const char *name, ts_poly *out) {
    ts_formula_call call;
    if (!find_operation(name, &call)) return false;
    do {
        ts_poly *arg = TS_NEW(r->arena, ts_poly);
        if (call.count == 3 || !read_sum(r, arg)) return false;
        call.arg[call.count++] = arg;
    } while (take(r, ','));
    if (!take(r, ')') || r->formula->count == TS_FORMULA_CALLS) return false;
    r->formula->call[r->formula->count++] = call;
    ts_poly_atom(out, (uint32_t)r->formula->count);
    return true;
}

static bool read_factor(reader *r, ts_poly *out) {
    char name[NAME_BYTES];
    if (take(r, '(')) return read_sum(r, out) && take(r, ')');
    if (take(r, '-')) {
        ts_poly value;
        if (!read_factor(r, &value)) return false;
        ts_poly_number(out, 0);
        ts_poly_add(out, &value, -1);
        return true;
    }
    if (!read_name(r, name)) {
        char *end;
        ts_poly_number(out, strtod(r->at, &end));
        bool is_number = end != r->at;
        r->at = end;
        return is_number;
    }
    if (take(r, '(')) return read_call(r, name, out);
    if (strcmp(name, "x") == 0 || strcmp(name, "inf") == 0) {
        if (*name == 'x')
            ts_poly_atom(out, TS_FORMULA_X);
        else
            ts_poly_number(out, (double)INFINITY);
        return true;
    }
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->name[i], name) == 0) {
            *out = r->value[i];
            return true;
        }
    return false;
}

static bool read_product(reader *r, ts_poly *out) {
    ts_poly factor;
    if (!read_factor(r, out)) return false;
    while (take(r, '*')) {
        if (!read_factor(r, &factor)) return false;
        ts_poly_multiply(out, &factor);
    }
    return true;
}

static bool read_sum(reader *r, ts_poly *out) {
    ts_poly product;
    if (++r->nesting > MAX_NESTING || !read_product(r, out)) return false;
    for (bool is_minus; (is_minus = take(r, '-')) || take(r, '+');) {
        if (!read_product(r, &product)) return false;
        ts_poly_add(out, &product, is_minus ? -1 : 1);
    }
    r->nesting--;
    return out->count >= 0;
}

/* Reads "name =" before a sum; otherwise consumes nothing and returns false. */
static bool read_definition(reader *r, char *name) {
    const char *start = r->at;
    while (*r->at == ' ')
        r->at++;
    if (read_name(r, name) && take(r, '=')) return true;
    r->at = start;
    return false;
}

ts_formula *ts_formula_parse(const char *text, ts_arena *arena) {
    reader *r = TS_NEW(arena, reader);
    char name[NAME_BYTES];
    *r = (reader){.at = text, .arena = arena, .formula = TS_NEW(arena, ts_formula)};
    while (read_definition(r, name)) {
        if (r->count == MAX_NAMES || !read_sum(r, &r->value[r->count]) || !take(r, ';')) return NULL;
        memcpy(r->name[r->count++], name, sizeof name);
    }
    return read_sum(r, &r->formula->body) && !*r->at ? r->formula : NULL;
}
