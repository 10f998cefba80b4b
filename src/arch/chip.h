/* ts_chip: every number of the modelled chip, and the table of instances built from the chips. */
#ifndef TS_ARCH_CHIP_H
#define TS_ARCH_CHIP_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

typedef enum ts_basis { ts_documented, ts_derived, ts_assumed } ts_basis;

/* One field per row of chip.def. The struct is open: a what-if chip is an edited copy. */
typedef struct ts_chip {
    char name[32];  /* "trn1" */
    int generation; /* NeuronCore generation, 2 */
#define PARAM(name, ...) double name;
#include "arch/chip.def"
} ts_chip;

typedef struct ts_param {
    const char *name, *unit;
    double value, low, high; /* as in the table, whatever an edited copy holds */
    ts_basis basis;
    const char *source;
    size_t offset; /* of the field in ts_chip */
} ts_param;

/* The rows of chip.def, in order. */
int ts_param_count(void);
const ts_param *ts_param_at(int index);
/* A row as it applies to this chip: its own row (inf2.def, trn2.def) where it has one, else that of
   chip.def. */
const ts_param *ts_param_of(const ts_chip *chip, int index);
/* Index of a row by its name, -1 when there is none. */
int ts_param_find(const char *name);
/* The value that this chip holds for a row. */
double ts_param_value(const ts_chip *chip, int index);
/* Whether some value differs from its row in the table. */
bool ts_chip_is_edited(const ts_chip *chip);
const char *ts_basis_name(ts_basis basis);

/* Fills a chip by name: "trn1", "inf2", "trn2". ts_unsupported for a chip without rows (inf1, trn3), ts_usage
   for an unknown name; both messages list the names that exist. */
ts_status ts_chip_get(const char *name, ts_chip *chip, ts_diag *diag);
/* Text form: "chip NAME", then lines "name = value  # unit, basis, source". Parsing starts from the named
   chip and overrides the rows given, so a what-if file may hold a single row. */
void ts_chip_print(const ts_chip *chip, ts_text *out);
ts_status ts_chip_parse(const char *text, const char *path, ts_chip *chip, ts_diag *diag);

/* Prints a value in plain digits ("34359738368", "0.1") that read back as the same double. */
void ts_param_print(double value, ts_text *out);
/* The edge of the band: every row that still has its table value moves to the end of its range that makes
   programs faster (is_fast) or slower; edited rows stay. */
void ts_chip_corner(const ts_chip *chip, bool is_fast, ts_chip *corner);
/* One JSON object: {"chip", "generation", "parameters": [{name, unit, value, low, high, basis, source}]}. */
void ts_chip_json(const ts_chip *chip, ts_text *out);

typedef struct ts_instance {
    const char *name, *chip;
    int chips, cores;
    double hbm_gib, hbm_gib_s, bf16_tflops, fp32_tflops;
    int vcpu;
    double host_gib, neuronlink_gib_s, efa_gbps, usd_per_hour;
    ts_basis basis;
    const char *source;
} ts_instance;

/* The rows of instance.def, in order. */
int ts_instance_count(void);
const ts_instance *ts_instance_at(int index);
/* NULL when the name is unknown. */
const ts_instance *ts_instance_get(const char *name);
/* `instance`, or, when it has fewer than `cores` cores, the smallest instance of its chip that has them;
   `instance` again when none does. */
const ts_instance *ts_instance_with(const ts_instance *instance, unsigned cores);
/* One JSON object with the fields of ts_instance. */
void ts_instance_json(const ts_instance *instance, ts_text *out);

/* The text of docs/chip.md: parameters with unit, value, range, basis and source, and the instances. */
void ts_chip_markdown(ts_text *out);

#endif
