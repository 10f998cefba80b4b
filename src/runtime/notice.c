/* Notices: what the user asked to be told while programs run. The one place of the library that writes to
   standard error, and only where TRAINSTONE_CHECK or --check says so. */
#include "runtime/notice.h"

#include <unistd.h>

static uint64_t hash_text(const ts_text *text) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < text->length; i++)
        hash = (hash ^ (unsigned char)text->data[i]) * 0x100000001B3u;
    return hash;
}

void ts_notice_checks(const ts_checks *checks, uint64_t *told) {
    ts_text text = {0};
    ts_checks_text(checks, &text);
    uint64_t hash = hash_text(&text);
    for (size_t at = 0; hash != *told && at < text.length;) {
        ssize_t written = write(STDERR_FILENO, text.data + at, text.length - at);
        if (written <= 0) break;
        at += (size_t)written;
    }
    if (text.length) *told = hash;
    ts_text_free(&text);
}
