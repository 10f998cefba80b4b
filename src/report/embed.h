/* Files of the page, turned into C by the build. */
#ifndef TS_REPORT_EMBED_H
#define TS_REPORT_EMBED_H

extern const char ts_page_style[], ts_page_script[];

#endif
