/* Writers of HTML and SVG for the page's sections. Text is escaped; colours are CSS classes. */
#ifndef TS_REPORT_SVG_H
#define TS_REPORT_SVG_H

#include "base/text.h"

/* Escapes & < > " ' and control characters. */
void ts_html_text(ts_text *out, const char *string);
void ts_html_text_n(ts_text *out, const char *string, size_t length);

void ts_svg_open(ts_text *out, const char *id, double width, double height, const char *label);
void ts_svg_close(ts_text *out);
/* tip: a tooltip, or NULL. */
void ts_svg_rect(ts_text *out, double x, double y, double width, double height, const char *classes,
                 const char *tip);
void ts_svg_line(ts_text *out, double x1, double y1, double x2, double y2, const char *classes);
/* anchor: 's' start, 'm' middle or 'e' end. */
void ts_svg_text(ts_text *out, double x, double y, const char *classes, char anchor, const char *string);
/* The same, cut with an ellipsis to fit the width; left out when not even four letters fit. */
void ts_svg_fit(ts_text *out, double x, double y, double width, const char *classes, const char *string);

/* The CSS class of a ts_bound: "pe", "ve", ... */
const char *ts_page_color(unsigned bound);

#endif
