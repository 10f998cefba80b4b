/* Writers of HTML and SVG. */
#include "report/svg.h"

#include <string.h>

#include "arch/record.h"

void ts_html_text_n(ts_text *out, const char *string, size_t length) {
    for (size_t i = 0; i < length && string[i]; i++) {
        unsigned char c = (unsigned char)string[i];
        switch (c) {
        case '&': ts_text_add(out, "&amp;"); break;
        case '<': ts_text_add(out, "&lt;"); break;
        case '>': ts_text_add(out, "&gt;"); break;
        case '"': ts_text_add(out, "&quot;"); break;
        case '\'': ts_text_add(out, "&#39;"); break;
        default:
            if (c < 0x20 && c != '\t' && c != '\n')
                ts_text_add(out, "?");
            else
                ts_text_add_n(out, string + i, 1);
        }
    }
}

void ts_html_text(ts_text *out, const char *string) {
    ts_html_text_n(out, string, strlen(string));
}

void ts_svg_open(ts_text *out, const char *id, double width, double height, const char *label) {
    ts_text_format(
        out, "<svg%s%s%s viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" aria-label=\"",
        id ? " id=\"" : "", id ? id : "", id ? "\"" : "", width, height, width, height);
    ts_html_text(out, label);
    ts_text_add(out, "\">");
}

void ts_svg_close(ts_text *out) {
    ts_text_add(out, "</svg>");
}

void ts_svg_rect(ts_text *out, double x, double y, double width, double height, const char *classes,
                 const char *tip) {
    ts_text_format(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"", x, y,
                   width > 0 ? width : 0, height > 0 ? height : 0, classes);
    if (tip) {
        ts_text_add(out, " data-t=\"");
        ts_html_text(out, tip);
        ts_text_add(out, "\"");
    }
    ts_text_add(out, "/>");
}

void ts_svg_line(ts_text *out, double x1, double y1, double x2, double y2, const char *classes) {
    ts_text_format(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>", x1, y1, x2,
                   y2, classes);
}

void ts_svg_text(ts_text *out, double x, double y, const char *classes, char anchor, const char *string) {
    ts_text_format(out, "<text x=\"%.1f\" y=\"%.1f\"%s%s%s%s>", x, y, classes[0] ? " class=\"" : "", classes,
                   classes[0] ? "\"" : "",
                   anchor == 'm'   ? " text-anchor=\"middle\""
                   : anchor == 'e' ? " text-anchor=\"end\""
                                   : "");
    ts_html_text(out, string);
    ts_text_add(out, "</text>");
}

void ts_svg_fit(ts_text *out, double x, double y, double width, const char *classes, const char *string) {
    static const double LETTER = 7.4;
    size_t length = strlen(string), most = width > 0 ? (size_t)(width / LETTER) : 0;
    if (most < 4 && most < length) return;
    if (length <= most) {
        ts_svg_text(out, x, y, classes, 's', string);
        return;
    }
    char cut[160];
    if (most > sizeof cut - 4) most = sizeof cut - 4;
    memcpy(cut, string, most - 2);
    memcpy(cut + most - 2, "..", 3);
    ts_svg_text(out, x, y, classes, 's', cut);
}

const char *ts_page_color(unsigned bound) {
    static const char *const colors[ts_bound_count] = {"la", "pe", "ve", "ac", "gp", "dm",
                                                       "dd", "dq", "dl", "cc", "wa"};
    return colors[bound < ts_bound_count ? bound : ts_bound_wait];
}
