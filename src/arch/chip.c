/* ts_chip: chip.def and instance.def as tables, chips by name, and the text form of a what-if chip. */
#include "arch/chip.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

static const ts_param *params(int *count) {
    enum { documented = ts_documented, derived = ts_derived, assumed = ts_assumed };
    static const ts_param rows[] = {
#define PARAM(name, unit, value, low, high, basis, source)                                                   \
    {#name, unit, value, low, high, (ts_basis)basis, source, offsetof(ts_chip, name)},
#include "arch/chip.def"
    };
    *count = (int)(sizeof rows / sizeof rows[0]);
    return rows;
}

/* The rows in which a chip differs from chip.def. */
static const ts_param *own_params(const char *chip, int *count) {
    enum { documented = ts_documented, derived = ts_derived, assumed = ts_assumed };
#define PARAM(name, unit, value, low, high, basis, source)                                                   \
    {#name, unit, value, low, high, (ts_basis)basis, source, offsetof(ts_chip, name)},
    static const ts_param trn2[] = {
#include "arch/trn2.def"
    };
#define PARAM(name, unit, value, low, high, basis, source)                                                   \
    {#name, unit, value, low, high, (ts_basis)basis, source, offsetof(ts_chip, name)},
    static const ts_param inf2[] = {
#include "arch/inf2.def"
    };
    bool is_trn2 = strcmp(chip, "trn2") == 0, is_inf2 = strcmp(chip, "inf2") == 0;
    *count = 0;
    if (is_trn2) *count = (int)(sizeof trn2 / sizeof trn2[0]);
    if (is_inf2) *count = (int)(sizeof inf2 / sizeof inf2[0]);
    return is_inf2 ? inf2 : trn2;
}

int ts_param_count(void) {
    int count;
    params(&count);
    return count;
}

const ts_param *ts_param_at(int index) {
    int count;
    const ts_param *rows = params(&count);
    return index >= 0 && index < count ? &rows[index] : NULL;
}

const ts_param *ts_param_of(const ts_chip *chip, int index) {
    int count;
    const ts_param *own = own_params(chip->name, &count), *row = ts_param_at(index);
    for (int i = 0; row && i < count; i++)
        if (own[i].offset == row->offset) return &own[i];
    return row;
}

int ts_param_find(const char *name) {
    int count;
    const ts_param *rows = params(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0) return i;
    return -1;
}

static double *slot(ts_chip *chip, const ts_param *param) {
    return (double *)(void *)((char *)chip + param->offset);
}

double ts_param_value(const ts_chip *chip, int index) {
    double value;
    memcpy(&value, (const char *)chip + ts_param_at(index)->offset, sizeof value);
    return value;
}

bool ts_chip_is_edited(const ts_chip *chip) {
    for (int i = 0; i < ts_param_count(); i++)
        if (ts_param_value(chip, i) != ts_param_of(chip, i)->value) return true;
    return false;
}

const char *ts_basis_name(ts_basis basis) {
    static const char *const names[] = {"documented", "derived", "assumed"};
    return (unsigned)basis <= ts_assumed ? names[basis] : "?";
}

/* Whether a larger value makes programs faster; true of these units only. */
static bool is_rate(const ts_param *param) {
    return strcmp(param->unit, "B/ns") == 0 || strcmp(param->unit, "GHz") == 0 ||
           strcmp(param->unit, "flag") == 0;
}

void ts_chip_corner(const ts_chip *chip, bool is_fast, ts_chip *corner) {
    *corner = *chip;
    for (int i = 0; i < ts_param_count(); i++) {
        const ts_param *row = ts_param_of(chip, i);
        if (*slot(corner, row) == row->value)
            *slot(corner, row) = is_rate(row) == is_fast ? row->high : row->low;
    }
}

/* The known chips. One without rows is known by its generation only. */
typedef struct chip_name {
    const char *name;
    int generation;
    bool has_rows;
} chip_name;

static const chip_name *find_chip(const char *name, size_t length) {
    /* ARCH:20,54 and hardware pages: Inferentia2 carries the same NeuronCore-v2 as Trainium. */
    static const chip_name names[] = {
        {"trn1", 2, true}, {"inf2", 2, true}, {"inf1", 1, false}, {"trn2", 3, true}, {"trn3", 4, false}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i].name) == length && memcmp(names[i].name, name, length) == 0) return &names[i];
    return NULL;
}

ts_status ts_chip_get(const char *name, ts_chip *chip, ts_diag *diag) {
    const chip_name *known = find_chip(name, strlen(name));
    if (!known) {
        ts_fail(diag, ts_usage, "unknown chip \"%s\"", name);
        ts_diag_remedy(diag, "chips with parameters: trn1, inf2, trn2; named but not modelled: inf1, trn3");
        return ts_usage;
    }
    if (!known->has_rows) {
        ts_fail(diag, ts_unsupported, "chip %s (NeuronCore-v%d) is not modelled", name, known->generation);
        ts_diag_remedy(diag, "use trn1, inf2 or trn2: NeuronCore-v2 and v3 have parameters");
        return ts_unsupported;
    }
    memset(chip, 0, sizeof *chip);
    strcpy(chip->name, known->name);
    chip->generation = known->generation;
    for (int i = 0; i < ts_param_count(); i++)
        *slot(chip, ts_param_at(i)) = ts_param_of(chip, i)->value;
    return ts_ok;
}

void ts_param_print(double value, ts_text *out) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.15g", value);
    if (strtod(digits, NULL) == value)
        ts_text_add(out, digits);
    else
        ts_text_double(out, value);
}

void ts_chip_print(const ts_chip *chip, ts_text *out) {
    ts_text_format(out, "chip %s\n", chip->name);
    for (int i = 0; i < ts_param_count(); i++) {
        const ts_param *param = ts_param_of(chip, i);
        double value = ts_param_value(chip, i);
        size_t start = out->length;
        ts_text_format(out, "%s = ", param->name);
        ts_param_print(value, out);
        while (out->length - start < 46)
            ts_text_add(out, " ");
        bool is_edited = value != param->value;
        ts_text_format(out, "  # %s, %s, %s\n", param->unit,
                       is_edited ? "edited" : ts_basis_name(param->basis), param->source);
    }
}

typedef struct cursor {
    const char *at, *end; /* of the line, without its comment and surrounding blanks */
    const char *path;
    int line;
    ts_diag *diag;
} cursor;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static ts_status refuse(const cursor *c, const char *remedy) {
    ts_diag_where(c->diag, c->path, c->line);
    if (remedy) ts_diag_remedy(c->diag, "%s", remedy);
    return ts_input;
}

static ts_status parse_chip_line(cursor *c, ts_chip *chip, bool is_first) {
    const char *name = c->at + 4;
    while (name < c->end && is_blank(*name))
        name++;
    const chip_name *known = find_chip(name, (size_t)(c->end - name));
    if (!is_first) {
        ts_fail(c->diag, ts_input, "\"chip\" must be the first line and stand once");
        return refuse(c, "put \"chip NAME\" before the rows");
    }
    if (!known || !known->has_rows) {
        ts_fail(c->diag, ts_input, "no chip with parameters is called \"%.*s\"",
                (int)(c->end - name > 40 ? 40 : c->end - name), name);
        return refuse(c, "chips with parameters: trn1, inf2, trn2");
    }
    return ts_chip_get(known->name, chip, c->diag);
}

/* Times, cycles and flags may be 0; counts and divisors may not. */
static bool may_be_zero(const ts_param *param) {
    return strcmp(param->unit, "ns") == 0 || strcmp(param->unit, "us") == 0 ||
           strcmp(param->unit, "cycles") == 0 || strcmp(param->unit, "flag") == 0;
}

static bool is_whole(const ts_param *param) {
    return strcmp(param->unit, "count") == 0 || strcmp(param->unit, "bytes") == 0 ||
           strcmp(param->unit, "elements") == 0 || strcmp(param->unit, "partitions") == 0;
}

static ts_status check_value(const cursor *c, const ts_param *param, double value) {
    const char *need = NULL;
    if (!isfinite(value) || value < 0 || value > 1e15) need = "a finite number from 0 to 1e15";
    if (!need && value < 1e-6 && !(value == 0 && may_be_zero(param))) need = "a positive number";
    if (!need && is_whole(param) && value != floor(value)) need = "a whole number";
    if (!need && strcmp(param->unit, "flag") == 0 && value != 0 && value != 1) need = "0 or 1";
    if (!need) return ts_ok;
    ts_fail(c->diag, ts_input, "%s is %g (%s) and must be %s", param->name, value, param->unit, need);
    ts_diag_remedy(c->diag, "the chip's own number is %.15g", param->value);
    return refuse(c, NULL);
}

static ts_status refuse_name(const cursor *c, const char *name) {
    const char *names[sizeof(ts_chip) / sizeof(double)];
    for (int i = 0; i < ts_param_count(); i++)
        names[i] = ts_param_at(i)->name;
    const char *near = ts_nearest(name, names, ts_param_count());
    ts_fail(c->diag, ts_input, "no parameter is called \"%s\"", name);
    if (near) ts_diag_remedy(c->diag, "did you mean %s? \"trainstone chip\" prints them all", near);
    return refuse(c, "the rows are those that \"trainstone chip\" prints");
}

static ts_status parse_row(cursor *c, ts_chip *chip, bool *seen) {
    const char *equals = memchr(c->at, '=', (size_t)(c->end - c->at));
    if (!equals) {
        ts_fail(c->diag, ts_input, "expected \"name = value\"");
        return refuse(c, "the rows are those that \"trainstone chip\" prints");
    }
    char name[64] = "", number[64] = "";
    const char *name_end = equals, *value = equals + 1;
    while (name_end > c->at && is_blank(name_end[-1]))
        name_end--;
    while (value < c->end && is_blank(*value))
        value++;
    if ((size_t)(name_end - c->at) < sizeof name) memcpy(name, c->at, (size_t)(name_end - c->at));
    if ((size_t)(c->end - value) < sizeof number) memcpy(number, value, (size_t)(c->end - value));
    int index = ts_param_find(name);
    if (index < 0) {
        return refuse_name(c, name);
    }
    if (seen[index]) {
        ts_fail(c->diag, ts_input, "%s is given twice", name);
        return refuse(c, "keep one of the two rows");
    }
    seen[index] = true;
    char *end = number;
    double parsed = strtod(number, &end);
    if (end == number || *end) {
        ts_fail(c->diag, ts_input, "%s: \"%s\" is not a number", name, number);
        ts_diag_remedy(c->diag, "write it as %s = %.15g", name, ts_param_of(chip, index)->value);
        return refuse(c, NULL);
    }
    TS_TRY(check_value(c, ts_param_of(chip, index), parsed));
    *slot(chip, ts_param_at(index)) = parsed;
    return ts_ok;
}

ts_status ts_chip_parse(const char *text, const char *path, ts_chip *chip, ts_diag *diag) {
    enum { MOST = 256 };
    bool seen[MOST] = {false};
    cursor c = {.path = path, .diag = diag};
    _Static_assert(sizeof(ts_chip) / sizeof(double) <= MOST, "more parameters than seen[] holds");
    ts_chip result;
    TS_TRY(ts_chip_get("trn1", &result, diag));
    bool is_first = true;
    for (const char *line = text; *line;) {
        const char *next = strchr(line, '\n');
        const char *end = next ? next : line + strlen(line);
        const char *comment = memchr(line, '#', (size_t)(end - line));
        c.at = line;
        c.end = comment ? comment : end;
        c.line++;
        while (c.at < c.end && is_blank(*c.at))
            c.at++;
        while (c.end > c.at && is_blank(c.end[-1]))
            c.end--;
        if (c.at < c.end) {
            bool is_chip = c.end - c.at > 4 && memcmp(c.at, "chip", 4) == 0 && is_blank(c.at[4]);
            TS_TRY(is_chip ? parse_chip_line(&c, &result, is_first) : parse_row(&c, &result, seen));
            is_first = false;
        }
        line = next ? next + 1 : end;
    }
    *chip = result;
    return ts_ok;
}

static const ts_instance *instances(int *count) {
    enum { documented = ts_documented, derived = ts_derived, assumed = ts_assumed };
    static const ts_instance rows[] = {
#define INSTANCE(name, chip, chips, cores, hbm, bandwidth, bf16, fp32, vcpu, host, link, efa, usd, basis,    \
                 source)                                                                                     \
    {name, chip, chips, cores, hbm, bandwidth,       bf16,  fp32,                                            \
     vcpu, host, link,  efa,   usd, (ts_basis)basis, source},
#include "arch/instance.def"
    };
    *count = (int)(sizeof rows / sizeof rows[0]);
    return rows;
}

int ts_instance_count(void) {
    int count;
    instances(&count);
    return count;
}

const ts_instance *ts_instance_at(int index) {
    int count;
    const ts_instance *rows = instances(&count);
    return index >= 0 && index < count ? &rows[index] : NULL;
}

const ts_instance *ts_instance_get(const char *name) {
    int count;
    const ts_instance *rows = instances(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

const ts_instance *ts_instance_with(const ts_instance *instance, unsigned cores) {
    if (!instance || (unsigned)instance->cores >= cores) return instance;
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *other = ts_instance_at(i);
        if (strcmp(other->chip, instance->chip) == 0 && (unsigned)other->cores >= cores) return other;
    }
    return instance;
}
