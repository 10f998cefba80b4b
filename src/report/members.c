/* Writer of members of JSON objects. */
#include "report/members.h"

#include <math.h>

void ts_member_key(ts_text *out, const char *name) {
    char last = out->length ? out->data[out->length - 1] : '{';
    if (last != '{' && last != '[') ts_text_add(out, ", ");
    ts_text_quote(out, name);
    ts_text_add(out, ": ");
}

void ts_member_number(ts_text *out, const char *name, double value) {
    ts_member_key(out, name);
    if (isfinite(value))
        ts_text_double(out, value);
    else
        ts_text_add(out, "null");
}

void ts_member_integer(ts_text *out, const char *name, int64_t value) {
    ts_member_key(out, name);
    ts_text_format(out, "%lld", (long long)value);
}

void ts_member_string(ts_text *out, const char *name, const char *value) {
    ts_member_key(out, name);
    ts_text_quote(out, value ? value : "");
}

void ts_member_item(ts_text *out, bool is_first) {
    ts_text_add(out, is_first ? "\n  {" : ",\n  {");
}

void ts_member_list(ts_text *out, const char *name) {
    ts_text_add(out, ",\n ");
    ts_text_quote(out, name);
    ts_text_add(out, ": [");
}
