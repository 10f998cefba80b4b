/* Encoder of protocol buffers: the few wire types that a Perfetto trace needs. */
#ifndef TS_REPORT_PROTOBUF_H
#define TS_REPORT_PROTOBUF_H

#include "base/text.h"

void ts_pb_varint(ts_text *out, unsigned field, uint64_t value);
void ts_pb_fixed64(ts_text *out, unsigned field, uint64_t value);
void ts_pb_double(ts_text *out, unsigned field, double value);
void ts_pb_string(ts_text *out, unsigned field, const char *string);
/* Adds `message` as a length-delimited field and empties it. */
void ts_pb_message(ts_text *out, unsigned field, ts_text *message);

#endif
