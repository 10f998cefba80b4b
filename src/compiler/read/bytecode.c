/* Reads MLIR bytecode: header, sections and tables. The other bytecode files decode entries on demand.
   Format: MLIR's "Bytecode Format" document, versions 4 to 6. */
#include "compiler/read/bytecode.h"

#include <string.h>

#include "base/unit.h"

enum {
    SECTION_STRINGS,
    SECTION_DIALECTS,
    SECTION_ATTR_TYPES,
    SECTION_OFFSETS,
    SECTION_IR,
    SECTION_RESOURCES,
    SECTION_RESOURCE_OFFSETS,
    SECTION_DIALECT_VERSIONS,
    SECTION_PROPERTIES,
    FIRST_VERSION = 4, /* from this version on the locations of block arguments may be left out */
    PROPERTIES_VERSION = 5,
    LAST_VERSION = 6
};

static ts_status read_header(ts_bc *b, ts_cursor *c) {
    static const uint8_t magic[] = {'M', 'L', 0xEF, 'R'};
    if (b->size < sizeof magic || memcmp(b->data, magic, sizeof magic) != 0) {
        ts_fail(b->diag, ts_input, "%s: not MLIR bytecode: it does not start with the bytes ML EF R",
                b->path);
        ts_diag_remedy(b->diag, "%s",
                       "give a StableHLO portable artifact (.mlirbc), as trainstone.export writes it");
        return ts_input;
    }
    c->at += sizeof magic;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &b->version));
    if (b->version < FIRST_VERSION || b->version > LAST_VERSION)
        return ts_bc_unsupported(b, at, "bytecode version %ju; %d to %d are supported", (uintmax_t)b->version,
                                 FIRST_VERSION, LAST_VERSION);
    const uint8_t *end = memchr(c->at, 0, (size_t)(c->end - c->at));
    if (!end) return ts_bc_fail(b, c->at, "the producer's name has no end");
    c->at = end + 1;
    return ts_ok;
}

static ts_status read_sections(ts_bc *b, ts_cursor *c) {
    static const struct {
        unsigned id;
        const char *name;
    } needed[] = {{SECTION_STRINGS, "string"},
                  {SECTION_DIALECTS, "dialect"},
                  {SECTION_ATTR_TYPES, "attribute and type"},
                  {SECTION_OFFSETS, "offset"},
                  {SECTION_IR, "operation"}};
    while (c->at < c->end) {
        unsigned id;
        ts_cursor body;
        const uint8_t *at = c->at;
        TS_TRY(ts_bc_section(b, c, &id, &body));
        if (id >= TS_BC_SECTIONS) return ts_bc_fail(b, at, "section %u is unknown", id);
        if (b->has_section[id]) return ts_bc_fail(b, at, "section %u comes twice", id);
        b->has_section[id] = true;
        b->sections[id] = body;
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!b->has_section[needed[i].id])
            return ts_bc_fail(b, c->at, "the %s section is missing", needed[i].name);
    return ts_ok;
}

/* The section holds the lengths in reverse order, then the strings with their terminating zero bytes. */
static ts_status read_strings(ts_bc *b) {
    ts_cursor c = b->sections[SECTION_STRINGS];
    TS_TRY(ts_bc_count(b, &c, 2, &b->string_count));
    b->strings = TS_NEW_ARRAY(&b->scratch, ts_bc_string, b->string_count);
    const uint8_t *end = c.end;
    for (uint32_t i = b->string_count; i-- > 0;) {
        uint64_t length;
        const uint8_t *at = c.at;
        TS_TRY(ts_bc_varint(b, &c, &length));
        if (c.at > end || length > (uint64_t)(end - c.at) || length == 0)
            return ts_bc_fail(b, at, "string %u of %ju bytes does not fit its section", i, (uintmax_t)length);
        end -= length;
        if (end[length - 1] != 0) return ts_bc_fail(b, end, "string %u does not end in a zero byte", i);
        b->strings[i] = (ts_bc_string){.at = end, .length = (size_t)length - 1};
    }
    c.end = end;
    return ts_bc_done_with(b, &c, "the string section");
}

ts_status ts_bc_string_at(ts_bc *b, const uint8_t *at, uint32_t index, const char **string) {
    if (index >= b->string_count) return ts_bc_fail(b, at, "names string %u of %u", index, b->string_count);
    ts_bc_string *row = &b->strings[index];
    if (!row->copy) {
        if (memchr(row->at, 0, row->length)) return ts_bc_fail(b, at, "a name with a zero byte inside");
        row->copy = ts_arena_string_n(&b->module->arena, (const char *)row->at, row->length);
    }
    *string = row->copy;
    return ts_ok;
}

ts_status ts_bc_string_ref(ts_bc *b, ts_cursor *c, const char **string) {
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->string_count, "string", &index));
    return ts_bc_string_at(b, at, index, string);
}

static ts_status read_dialect(ts_bc *b, ts_cursor *c, ts_bc_dialect_row *row) {
    static const char *const names[] = {"builtin", "vhlo", "sdy"};
    uint64_t index;
    bool has_version;
    unsigned id;
    ts_cursor version;
    const char *name;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_flagged(b, c, &index, &has_version));
    if (index >= b->string_count)
        return ts_bc_fail(b, at, "names string %ju of %u", (uintmax_t)index, b->string_count);
    TS_TRY(ts_bc_string_at(b, at, (uint32_t)index, &name));
    row->name = (uint32_t)index;
    row->dialect = ts_bc_foreign;
    for (unsigned i = 0; i < ts_bc_foreign; i++)
        if (strcmp(names[i], name) == 0) row->dialect = (ts_bc_dialect)i;
    return has_version ? ts_bc_section(b, c, &id, &version) : ts_ok;
}

static ts_status read_op_name(ts_bc *b, ts_cursor *c, uint32_t dialect, ts_bc_op_name *row) {
    uint64_t index;
    bool is_registered;
    const uint8_t *at = c->at;
    if (b->version >= PROPERTIES_VERSION)
        TS_TRY(ts_bc_flagged(b, c, &index, &is_registered));
    else
        TS_TRY(ts_bc_varint(b, c, &index));
    if (index >= b->string_count)
        return ts_bc_fail(b, at, "names string %ju of %u", (uintmax_t)index, b->string_count);
    *row = (ts_bc_op_name){.dialect = dialect, .name = (uint32_t)index};
    return ts_ok;
}

static ts_status read_dialects(ts_bc *b) {
    ts_cursor c = b->sections[SECTION_DIALECTS];
    TS_TRY(ts_bc_count(b, &c, 1, &b->dialect_count));
    b->dialects = TS_NEW_ARRAY(&b->scratch, ts_bc_dialect_row, b->dialect_count);
    for (uint32_t i = 0; i < b->dialect_count; i++)
        TS_TRY(read_dialect(b, &c, &b->dialects[i]));
    TS_TRY(ts_bc_count(b, &c, 1, &b->op_name_count));
    b->op_names = TS_NEW_ARRAY(&b->scratch, ts_bc_op_name, b->op_name_count);
    uint32_t filled = 0;
    while (c.at < c.end) {
        uint32_t dialect, count;
        const uint8_t *at = c.at;
        TS_TRY(ts_bc_index(b, &c, b->dialect_count, "dialect", &dialect));
        TS_TRY(ts_bc_count(b, &c, 1, &count));
        if (count > b->op_name_count - filled)
            return ts_bc_fail(b, at, "more than the announced %u operation names", b->op_name_count);
        for (uint32_t i = 0; i < count; i++)
            TS_TRY(read_op_name(b, &c, dialect, &b->op_names[filled++]));
    }
    if (filled != b->op_name_count)
        return ts_bc_fail(b, c.at, "%u operation names where %u are announced", filled, b->op_name_count);
    return ts_ok;
}

/* Entries come in groups {dialect, count, sizes}; their bodies follow one another in the preceding
   section. */
static ts_status read_entries(ts_bc *b, ts_cursor *c, ts_cursor *data, ts_bc_entry *entries, uint32_t total) {
    uint32_t filled = 0;
    while (filled < total) {
        uint32_t dialect, count;
        const uint8_t *at = c->at;
        TS_TRY(ts_bc_index(b, c, b->dialect_count, "dialect", &dialect));
        TS_TRY(ts_bc_count(b, c, 1, &count));
        if (count == 0 || count > total - filled)
            return ts_bc_fail(b, at, "a group of %u entries of %u", count, total);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t size;
            bool is_encoded;
            at = c->at;
            TS_TRY(ts_bc_flagged(b, c, &size, &is_encoded));
            if (size > (uint64_t)(data->end - data->at))
                return ts_bc_fail(b, at, "an entry of %ju bytes where %zu are left", (uintmax_t)size,
                                  (size_t)(data->end - data->at));
            entries[filled++] = (ts_bc_entry){
                .body = {data->at, data->at + size}, .dialect = dialect, .is_text = !is_encoded};
            data->at += size;
        }
    }
    return ts_ok;
}

static ts_status read_offsets(ts_bc *b) {
    ts_cursor c = b->sections[SECTION_OFFSETS], data = b->sections[SECTION_ATTR_TYPES];
    TS_TRY(ts_bc_count(b, &c, 1, &b->attr_count));
    TS_TRY(ts_bc_count(b, &c, 1, &b->type_count));
    b->attrs = TS_NEW_ARRAY(&b->scratch, ts_bc_entry, b->attr_count);
    b->types = TS_NEW_ARRAY(&b->scratch, ts_bc_entry, b->type_count);
    TS_TRY(read_entries(b, &c, &data, b->attrs, b->attr_count));
    TS_TRY(read_entries(b, &c, &data, b->types, b->type_count));
    TS_TRY(ts_bc_done_with(b, &c, "the offset section"));
    return ts_bc_done_with(b, &data, "the attribute and type section");
}

static ts_status read_properties(ts_bc *b) {
    ts_cursor c = b->sections[SECTION_PROPERTIES];
    if (!b->has_section[SECTION_PROPERTIES]) return ts_ok;
    TS_TRY(ts_bc_count(b, &c, 1, &b->property_count));
    b->properties = TS_NEW_ARRAY(&b->scratch, ts_cursor, b->property_count);
    for (uint32_t i = 0; i < b->property_count; i++) {
        size_t size;
        TS_TRY(ts_bc_blob(b, &c, &b->properties[i].at, &size));
        b->properties[i].end = b->properties[i].at + size;
    }
    return ts_bc_done_with(b, &c, "the property section");
}

static ts_status read_file(ts_bc *b) {
    ts_cursor c = {b->data, b->data + b->size};
    TS_TRY(read_header(b, &c));
    TS_TRY(read_sections(b, &c));
    TS_TRY(read_strings(b));
    TS_TRY(read_dialects(b));
    TS_TRY(read_offsets(b));
    TS_TRY(read_properties(b));
    return ts_bc_read_ir(b);
}

static ts_status read_within(void *context) {
    ts_bc *b = context;
    b->module = ts_module_new();
    ts_status status = read_file(b);
    ts_arena_free(&b->scratch);
    if (status != ts_ok) ts_module_free(b->module);
    return status;
}

ts_status ts_module_read(const uint8_t *data, size_t size, const char *path, ts_module **module,
                         ts_diag *diag) {
    ts_bc b = {.data = data, .size = size, .path = path, .diag = diag};
    b.budget = (uint64_t)size * 64 + (1 << 20);
    ts_status status = ts_unit_run(NULL, read_within, &b, path, diag);
    if (status == ts_input)
        ts_diag_remedy(diag, "%s", "the file is damaged, or what wrote it broke the format: export it again");
    if (status == ts_unsupported)
        ts_diag_remedy(diag, "%s", "export it as a StableHLO portable artifact of version 1.13 to 1.17");
    *module = status == ts_ok ? b.module : NULL;
    return status;
}
