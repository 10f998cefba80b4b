/* Small polynomials: sums of terms, distinguished by their atoms and powers. */
#include "compiler/rewrite/polynomial.h"

#include <math.h>
#include <string.h>

/* Relative to the numbers added, a coefficient below this is the rounding error of terms that cancel. */
static const double NOTHING = 1e-12;

void ts_poly_number(ts_poly *out, double number) {
    out->count = number != 0;
    out->term[0] = (ts_poly_term){.number = number};
}

void ts_poly_atom(ts_poly *out, uint32_t atom) {
    out->count = 1;
    out->term[0] = (ts_poly_term){.number = 1, .count = 1, .factor = {{atom, 1}}};
}

void ts_poly_copy(ts_poly *out, const ts_poly *from) {
    out->count = from->count;
    if (from->count > 0) memcpy(out->term, from->term, (size_t)from->count * sizeof *from->term);
}

static bool are_alike(const ts_poly_term *a, const ts_poly_term *b) {
    return a->count == b->count && memcmp(a->factor, b->factor, (size_t)a->count * sizeof *a->factor) == 0;
}

static void add_term(ts_poly *a, const ts_poly_term *term) {
    for (int i = 0; i < a->count; i++) {
        ts_poly_term *mine = &a->term[i];
        if (!are_alike(mine, term)) continue;
        double size = fabs(mine->number);
        mine->number += term->number;
        if (fabs(mine->number) <= NOTHING * size) *mine = a->term[--a->count];
        return;
    }
    if (term->number == 0 || a->count < 0) return;
    if (a->count == TS_POLY_TERMS)
        a->count = -1;
    else
        a->term[a->count++] = *term;
}

void ts_poly_add(ts_poly *a, const ts_poly *b, double scale) {
    if (b->count < 0) a->count = -1;
    for (int i = 0; i < b->count; i++) {
        ts_poly_term term = b->term[i];
        term.number *= scale;
        add_term(a, &term);
    }
}

/* a * b; false when there are too many atoms. */
static bool multiply_terms(const ts_poly_term *a, const ts_poly_term *b, ts_poly_term *out) {
    int i = 0, j = 0;
    *out = (ts_poly_term){.number = a->number * b->number};
    while (i < a->count || j < b->count) {
        if (out->count == TS_POLY_FACTORS) return false;
        ts_factor *to = &out->factor[out->count++];
        if (j == b->count || (i < a->count && a->factor[i].atom < b->factor[j].atom)) {
            *to = a->factor[i++];
        } else if (i == a->count || b->factor[j].atom < a->factor[i].atom) {
            *to = b->factor[j++];
        } else {
            *to = (ts_factor){a->factor[i].atom, a->factor[i].power + b->factor[j].power};
            i++;
            j++;
        }
    }
    return true;
}

void ts_poly_multiply(ts_poly *a, const ts_poly *b) {
    ts_poly out;
    ts_poly_term term;
    out.count = a->count < 0 || b->count < 0 ? -1 : 0;
    for (int i = 0; i < a->count && out.count >= 0; i++)
        for (int j = 0; j < b->count && out.count >= 0; j++) {
            if (multiply_terms(&a->term[i], &b->term[j], &term))
                add_term(&out, &term);
            else
                out.count = -1;
        }
    ts_poly_copy(a, &out);
}

static bool are_near(double a, double b, double tolerance) {
    return a == b || fabs(a - b) <= tolerance * fabs(b);
}

/* whole / part; false when part has a higher power of an atom. */
static bool divide_term(const ts_poly_term *whole, const ts_poly_term *part, ts_poly_term *by) {
    int j = 0;
    *by = (ts_poly_term){.number = whole->number / part->number};
    for (int i = 0; i < whole->count; i++) {
        ts_factor left = whole->factor[i];
        if (j < part->count && part->factor[j].atom == left.atom) left.power -= part->factor[j++].power;
        if (left.power < 0) return false;
        if (left.power > 0) by->factor[by->count++] = left;
    }
    return j == part->count;
}

static bool is_times(const ts_poly *whole, const ts_poly *part, const ts_poly_term *by, double tolerance) {
    for (int i = 0; i < part->count; i++) {
        ts_poly_term product;
        bool is_found = false;
        if (!multiply_terms(&part->term[i], by, &product)) return false;
        for (int j = 0; j < whole->count && !is_found; j++)
            is_found = are_alike(&whole->term[j], &product) &&
                       are_near(whole->term[j].number, product.number, tolerance);
        if (!is_found) return false;
    }
    return true;
}

bool ts_poly_divide(const ts_poly *whole, const ts_poly *part, double tolerance, ts_poly_term *by) {
    if (whole->count != part->count || part->count < 1) return false;
    for (int i = 0; i < whole->count; i++)
        if (divide_term(&whole->term[i], &part->term[0], by) && is_times(whole, part, by, tolerance))
            return true;
    return false;
}

bool ts_poly_equal(const ts_poly *a, const ts_poly *b, double tolerance) {
    const ts_poly_term one = {.number = 1};
    return a->count == b->count && a->count >= 0 && is_times(a, b, &one, tolerance);
}
