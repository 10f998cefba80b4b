/* Notices to the user while programs run. The only part of the library that writes to standard error, and
   only when TRAINSTONE_CHECK or --check asks for it. */
#include "runtime/notice.h"

#include <unistd.h>

static uint64_t hash_text(const ts_text *text) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < text->length; i++)
        hash = (hash ^ (unsigned char)text->data[i]) * 0x100000001B3u;
    return hash;
}

static void tell(const ts_text *text) {
    for (size_t at = 0; at < text->length;) {
        ssize_t written = write(STDERR_FILENO, text->data + at, text->length - at);
        if (written <= 0) break;
        at += (size_t)written;
    }
}

void ts_notice_checks(const ts_checks *checks, int rank, int ranks, uint64_t *told,
                      atomic_uint_fast64_t *told_by_any) {
    ts_text text = {0}, whole = {0};
    ts_checks_text(checks, &text);
    const uint64_t hash = hash_text(&text);
    const bool is_news = text.length && hash != *told;
    if (text.length) *told = hash;
    if (is_news && atomic_exchange(told_by_any, hash) != hash) {
        if (ranks > 1) ts_text_format(&whole, "rank %d of %d: ", rank, ranks);
        ts_text_add(&whole, text.data);
        tell(&whole);
    }
    ts_text_free(&text);
    ts_text_free(&whole);
}
