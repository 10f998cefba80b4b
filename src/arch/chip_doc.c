/* A chip's parameters and the instances as documents: Markdown for docs/chip.md, JSON for other programs. */
#include "arch/chip.h"

static void add_cell(ts_text *out, double value) {
    ts_text_add(out, " | ");
    ts_param_print(value, out);
}

/* A cell for a number; 0 means that the documents give none. */
static void add_known(ts_text *out, double value) {
    ts_text_add(out, " | ");
    if (value != 0)
        ts_param_print(value, out);
    else
        ts_text_add(out, "-");
}

/* A bar would end the table's cell, so it is escaped. */
static void add_source(ts_text *out, const char *source) {
    ts_text_add(out, " | ");
    for (const char *c = source; *c; c++) {
        if (*c == '|') ts_text_add(out, "\\");
        ts_text_add_n(out, c, 1);
    }
    ts_text_add(out, " |\n");
}

/* is_own: only the rows in which this chip differs from chip.def. */
static void add_parameters(const ts_chip *chip, bool is_own, ts_text *out) {
    ts_text_add(out, "| Parameter | Unit | Value | Low | High | Basis | Source |\n"
                     "|---|---|---:|---:|---:|---|---|\n");
    for (int i = 0; i < ts_param_count(); i++) {
        const ts_param *param = ts_param_of(chip, i);
        if (is_own && param == ts_param_at(i)) continue;
        ts_text_format(out, "| `%s` | %s", param->name, param->unit);
        add_cell(out, param->value);
        add_cell(out, param->low);
        add_cell(out, param->high);
        ts_text_format(out, " | %s", ts_basis_name(param->basis));
        add_source(out, param->source);
    }
}

static void add_instances(ts_text *out) {
    ts_text_add(
        out, "| Instance | Chip | Chips | Cores | HBM GiB | HBM GiB/s | bf16 TFLOP/s | fp32 TFLOP/s | vCPU "
             "| Host GiB | NeuronLink GiB/s | EFA Gbit/s | USD an hour | Source |\n"
             "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n");
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *row = ts_instance_at(i);
        ts_text_format(out, "| `%s` | %s | %d | %d", row->name, row->chip, row->chips, row->cores);
        add_cell(out, row->hbm_gib);
        add_cell(out, row->hbm_gib_s);
        add_known(out, row->bf16_tflops);
        add_known(out, row->fp32_tflops);
        ts_text_format(out, " | %d", row->vcpu);
        add_cell(out, row->host_gib);
        add_known(out, row->neuronlink_gib_s);
        add_known(out, row->efa_gbps);
        add_known(out, row->usd_per_hour);
        add_source(out, row->source);
    }
}

void ts_chip_markdown(ts_text *out) {
    ts_text_add(
        out,
        "# The modelled chip\n\n"
        "Generated from `src/arch/chip.def` and `src/arch/instance.def`; do not edit.\n\n"
        "Trainium (trn1) and Inferentia2 (inf2) carry the same NeuronCore-v2 and share these values, but for "
        "those of "
        "inf2 below.\nLow and high span what the evidence leaves open; the band of a prediction comes from "
        "them. Basis:\n"
        "`documented` by AWS, `derived` from published figures (\"fit\": by comparing the clock with them), "
        "or\n"
        "`assumed` because the public documents are silent. ARCH is\n"
        "nki/guides/architecture/trainium_inferentia2_arch.rst, ISA is nki/api/nki/isa/__init__.py, HW is\n"
        "about-neuron/arch/neuron-hardware, all in aws-neuron-sdk.\n\n"
        "## Parameters\n\n");
    ts_chip trn1 = {.name = "trn1"}, inf2 = {.name = "inf2"}, trn2 = {.name = "trn2"};
    add_parameters(&trn1, false, out);
    ts_text_add(out, "\n## Inferentia2\n\nThe rows in which it differs, from `src/arch/inf2.def`.\n\n");
    add_parameters(&inf2, true, out);
    ts_text_add(out,
                "\n## Trainium2\n\n"
                "trn2 carries NeuronCore-v3. The rows in which it differs, from `src/arch/trn2.def`; the "
                "others are those above,\nwhich were fitted to kernel times of NeuronCore-v2. T2 is "
                "nki/guides/architecture/trainium2_arch.rst.\n\n");
    add_parameters(&trn2, true, out);
    ts_text_add(out,
                "\n## Instances\n\nTotals of the instance; \"-\" where the documents give no figure.\n\n");
    add_instances(out);
}

static void add_number(ts_text *out, const char *key, double value) {
    ts_text_format(out, ", \"%s\": ", key);
    ts_param_print(value, out);
}

void ts_chip_json(const ts_chip *chip, ts_text *out) {
    ts_text_add(out, "{\"chip\": ");
    ts_text_quote(out, chip->name);
    ts_text_format(out, ", \"generation\": %d, \"parameters\": [", chip->generation);
    for (int i = 0; i < ts_param_count(); i++) {
        const ts_param *param = ts_param_of(chip, i);
        double value = ts_param_value(chip, i);
        ts_text_add(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        ts_text_quote(out, param->name);
        ts_text_add(out, ", \"unit\": ");
        ts_text_quote(out, param->unit);
        add_number(out, "value", value);
        add_number(out, "low", param->low);
        add_number(out, "high", param->high);
        ts_text_format(out, ", \"edited\": %s, \"basis\": \"%s\", \"source\": ",
                       value != param->value ? "true" : "false", ts_basis_name(param->basis));
        ts_text_quote(out, param->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "\n]}");
}

/* A JSON member; 0 means that the documents give no value, which becomes null. */
static void add_optional(ts_text *out, const char *key, double value) {
    if (value != 0)
        add_number(out, key, value);
    else
        ts_text_format(out, ", \"%s\": null", key);
}

void ts_instance_json(const ts_instance *instance, ts_text *out) {
    ts_text_add(out, "{\"name\": ");
    ts_text_quote(out, instance->name);
    ts_text_add(out, ", \"chip\": ");
    ts_text_quote(out, instance->chip);
    ts_text_format(out, ", \"chips\": %d, \"cores\": %d", instance->chips, instance->cores);
    add_number(out, "hbm_gib", instance->hbm_gib);
    add_number(out, "hbm_gib_s", instance->hbm_gib_s);
    add_optional(out, "bf16_tflops", instance->bf16_tflops);
    add_optional(out, "fp32_tflops", instance->fp32_tflops);
    ts_text_format(out, ", \"vcpu\": %d", instance->vcpu);
    add_number(out, "host_gib", instance->host_gib);
    add_optional(out, "neuronlink_gib_s", instance->neuronlink_gib_s);
    add_optional(out, "efa_gbps", instance->efa_gbps);
    add_optional(out, "usd_per_hour", instance->usd_per_hour);
    ts_text_format(out, ", \"basis\": \"%s\", \"source\": ", ts_basis_name(instance->basis));
    ts_text_quote(out, instance->source);
    ts_text_add(out, "}");
}
