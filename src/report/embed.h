/* The page's style sheet and script, which the build turns into C strings. */
#ifndef TS_REPORT_EMBED_H
#define TS_REPORT_EMBED_H

extern const char ts_page_style[], ts_page_script[];

#endif
