/* Encoder of protocol buffers. */
#include "report/protobuf.h"

#include <string.h>

static void raw(ts_text *out, uint64_t value) {
    char bytes[10];
    size_t count = 0;
    do {
        bytes[count] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
        count++;
    } while (value);
    ts_text_add_n(out, bytes, count);
}

static void eight(ts_text *out, unsigned field, uint64_t value) {
    char bytes[8];
    raw(out, (uint64_t)field << 3 | 1);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(value >> (8 * i));
    ts_text_add_n(out, bytes, 8);
}

void ts_pb_varint(ts_text *out, unsigned field, uint64_t value) {
    raw(out, (uint64_t)field << 3);
    raw(out, value);
}

void ts_pb_fixed64(ts_text *out, unsigned field, uint64_t value) {
    eight(out, field, value);
}

void ts_pb_double(ts_text *out, unsigned field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    eight(out, field, bits);
}

void ts_pb_string(ts_text *out, unsigned field, const char *string) {
    raw(out, (uint64_t)field << 3 | 2);
    raw(out, strlen(string));
    ts_text_add_n(out, string, strlen(string));
}

void ts_pb_message(ts_text *out, unsigned field, ts_text *message) {
    raw(out, (uint64_t)field << 3 | 2);
    raw(out, message->length);
    ts_text_add_n(out, message->data ? message->data : "", message->length);
    message->length = 0;
}
