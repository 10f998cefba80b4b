/* Writer of members of JSON objects and items of lists, with their commas. */
#ifndef TS_REPORT_MEMBERS_H
#define TS_REPORT_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

void ts_member_key(ts_text *out, const char *name);
void ts_member_number(ts_text *out, const char *name, double value); /* null when it is not finite */
void ts_member_integer(ts_text *out, const char *name, int64_t value);
void ts_member_string(ts_text *out, const char *name, const char *value); /* NULL becomes "" */
/* Opens a list on a line of its own, and an object in it. */
void ts_member_list(ts_text *out, const char *name);
void ts_member_item(ts_text *out, bool is_first);

#endif
