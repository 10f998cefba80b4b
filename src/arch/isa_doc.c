/* The instruction set as documents: Markdown for docs/isa.md, JSON for other languages. */
#include <string.h>

#include "arch/isa.h"

typedef struct doc_row {
    const char *name, *note, *meaning;
    double low, high;
} doc_row;

static const doc_row *alu_rows(int *count) {
    static const doc_row rows[] = {
#define ALU(name, kind, operands, meaning) {#name, #kind, meaning, 0, 0},
#include "arch/alu.def"
    };
    *count = sizeof rows / sizeof *rows;
    return rows;
}

static const doc_row *act_rows(int *count) {
    static const doc_row rows[] = {
#define ACT(name, table, low, high, meaning) {#name, #table, meaning, low, high},
#include "arch/act.def"
    };
    *count = sizeof rows / sizeof *rows;
    return rows;
}

/* A bar would end the table's cell, so it is escaped. */
static void add_escaped(ts_text *out, const char *text) {
    for (const char *c = text; *c; c++) {
        if (*c == '|') ts_text_add(out, "\\");
        ts_text_add_n(out, c, 1);
    }
}

static void add_engines(ts_text *out, unsigned op, bool is_json) {
    bool is_first = true;
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        if (!ts_op_allows(op, (ts_engine)engine)) continue;
        ts_text_add(out, is_first ? "" : is_json ? ", " : " ");
        if (is_json)
            ts_text_quote(out, ts_engine_name(engine));
        else
            ts_text_add(out, ts_engine_name(engine));
        is_first = false;
    }
    if (is_first && !is_json) ts_text_add(out, "all sequencers");
}

static void add_instruction(ts_text *out, unsigned op) {
    const ts_op_info *info = ts_op_get(op);
    ts_text_format(out, "\n### %s\n\n%s.\n\n", info->name, info->semantics);
    ts_text_add(out, ts_op_is_transfer(op)
                         ? op == ts_op_collective ? "- CC-cores, triggered by: " : "- DMA, triggered by: "
                         : "- Engines: ");
    add_engines(out, op, false);
    ts_text_format(out, "\n- Since NeuronCore-v%d\n- Cost in cycles: ", info->since);
    if (strcmp(info->cost, "0") == 0)
        ts_text_add(out, op == ts_op_dma_copy ? "none on the engine; the DMA rules apply" : "none");
    else
        ts_text_format(out, "`%s`", info->cost);
    ts_text_format(out, "\n- Source: %s\n", info->source);
    if (info->field_count > 0) ts_text_add(out, "\n| Field | Kind | Value |\n|---|---|---|\n");
    for (int i = 0; i < info->field_count; i++)
        ts_text_format(out, "| `%s` | %s | %s |\n", info->fields[i].name, ts_kind_name(info->fields[i].kind),
                       ts_kind_meaning(info->fields[i].kind));
}

static void add_alu(ts_text *out) {
    int count;
    const doc_row *rows = alu_rows(&count);
    ts_text_add(out,
                "\n## ALU operators\n\nKind: a arithmetic, c compare (gives 1 or 0), l logical (operands as "
                "!= 0), b bitwise (integers, no cast).\n\n| Operator | Kind | Meaning |\n|---|---|---|\n");
    for (int i = 0; i < count; i++) {
        ts_text_format(out, "| `%s` | %s | ", rows[i].name, rows[i].note);
        add_escaped(out, rows[i].meaning);
        ts_text_add(out, " |\n");
    }
}

static void add_act(ts_text *out) {
    int count;
    const doc_row *rows = act_rows(&count);
    ts_text_add(
        out, "\n## Activation functions\n\nTable: the set of function tables the function lives in; changing "
             "sets costs a load. Range: where the documents call it valid.\n\n"
             "| Function | Table | Range | Meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < count; i++) {
        ts_text_format(out, "| `%s` | %s | ", rows[i].name, rows[i].note);
        if (rows[i].low == 0 && rows[i].high == 0)
            ts_text_add(out, "all");
        else
            ts_text_format(out, "%.8g to %.8g", rows[i].low, rows[i].high);
        ts_text_add(out, " | ");
        add_escaped(out, rows[i].meaning);
        ts_text_add(out, " |\n");
    }
}

static void add_dtypes(ts_text *out) {
    ts_text_add(out, "\n## Dtypes\n\n| Dtype | Bytes | On the engines | Source |\n|---|---:|---|---|\n");
    for (int i = 1; i < ts_dtype_count; i++) {
        const ts_dtype_info *info = ts_dtype_get((ts_dtype)i);
        ts_text_format(out, "| `%s` | %d | %s | %s |\n", info->name, info->bytes, info->native ? "yes" : "no",
                       info->source);
    }
}

void ts_isa_markdown(ts_text *out) {
    ts_text_add(
        out,
        "# Instructions\n\nMade by `trainstone isa --markdown` from `src/arch/isa.def` and the tables "
        "beside it: edit those. How an\ninstruction is written: [trn.md](trn.md). In cost formulas N is "
        "the free elements a partition of the first\nsource, P its partitions; lower-case names are rows "
        "of [chip.md](chip.md). Any instruction of an engine may also\n"
        "`wait` for a semaphore and `signal` one.\n\n## Instructions\n");
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++)
        add_instruction(out, op);
    add_alu(out);
    add_act(out);
    add_dtypes(out);
}

/* ---- JSON ---- */

static void add_member(ts_text *out, const char *name, const char *value) {
    ts_text_format(out, ", \"%s\": ", name);
    ts_text_quote(out, value);
}

static void json_instruction(ts_text *out, unsigned op) {
    const ts_op_info *info = ts_op_get(op);
    ts_text_format(out, "%s\n  {\"name\": \"%s\", \"code\": %u, \"engines\": [", op > 1 ? "," : "",
                   info->name, op);
    add_engines(out, op, true);
    ts_text_format(out, "], \"dma\": %s, \"since\": %d, \"fields\": [",
                   strcmp(info->engines, "DMA") == 0 ? "true" : "false", info->since);
    for (int i = 0; i < info->field_count; i++)
        ts_text_format(out, "%s{\"name\": \"%s\", \"kind\": \"%s\"}", i ? ", " : "", info->fields[i].name,
                       ts_kind_name(info->fields[i].kind));
    ts_text_add(out, "]");
    add_member(out, "cost", info->cost);
    add_member(out, "semantics", info->semantics);
    add_member(out, "source", info->source);
    ts_text_add(out, "}");
}

static void json_rows(ts_text *out, const char *title, const doc_row *rows, int count, const char *note) {
    ts_text_format(out, "],\n \"%s\": [", title);
    for (int i = 0; i < count; i++) {
        ts_text_format(out, "%s\n  {\"name\": \"%s\", \"code\": %d", i ? "," : "", rows[i].name, i);
        add_member(out, note, rows[i].note);
        if (rows[i].low != 0 || rows[i].high != 0) {
            ts_text_add(out, ", \"low\": ");
            ts_text_double(out, rows[i].low);
            ts_text_add(out, ", \"high\": ");
            ts_text_double(out, rows[i].high);
        }
        add_member(out, "meaning", rows[i].meaning);
        ts_text_add(out, "}");
    }
}

void ts_isa_json(ts_text *out) {
    int count;
    ts_text_add(out, "{\"instructions\": [");
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++)
        json_instruction(out, op);
    const doc_row *rows = alu_rows(&count);
    json_rows(out, "alu", rows, count, "kind");
    rows = act_rows(&count);
    json_rows(out, "act", rows, count, "table");
    ts_text_add(out, "],\n \"dtypes\": [");
    for (int i = 1; i < ts_dtype_count; i++) {
        const ts_dtype_info *info = ts_dtype_get((ts_dtype)i);
        ts_text_format(out, "%s\n  {\"name\": \"%s\", \"code\": %d, \"bytes\": %d, \"native\": %s",
                       i > 1 ? "," : "", info->name, i, info->bytes, info->native ? "true" : "false");
        add_member(out, "npy", info->npy);
        add_member(out, "source", info->source);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]}\n");
}
