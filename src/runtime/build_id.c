/* The build id: a note that the linker computes from the content it links (--build-id). */
#include "runtime/build_id.h"

#include <link.h>
#include <stdbool.h>
#include <string.h>

typedef struct search {
    uintptr_t inside; /* an address inside the object whose note is wanted */
    uint8_t *id;
    size_t length;
} search;

static bool holds(const struct dl_phdr_info *object, uintptr_t address) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && address - object->dlpi_addr - part->p_vaddr < part->p_memsz)
            return true;
    }
    return false;
}

/* Notes follow each other; names and contents are padded to whole words. */
static void find_note(const uint8_t *at, const uint8_t *end, search *s) {
    while (at < end && (size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        memcpy(&head, at, sizeof head);
        const uint8_t *name = at + sizeof head, *content = name + (head.n_namesz + 3) / 4 * 4;
        bool is_id = head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && memcmp(name, "GNU", 4) == 0;
        if (is_id && head.n_descsz <= TS_BUILD_ID_MAX) {
            memcpy(s->id, content, head.n_descsz);
            s->length = head.n_descsz;
            return;
        }
        at = content + (head.n_descsz + 3) / 4 * 4;
    }
}

static int visit(struct dl_phdr_info *object, size_t size, void *data) {
    search *s = data;
    (void)size;
    if (!holds(object, s->inside)) return 0;
    for (int i = 0; i < object->dlpi_phnum && !s->length; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        const uint8_t *start = (const uint8_t *)object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_NOTE) find_note(start, start + part->p_memsz, s);
    }
    return 1;
}

size_t ts_build_id(uint8_t id[TS_BUILD_ID_MAX]) {
    search s = {.inside = (uintptr_t)ts_build_id, .id = id};
    dl_iterate_phdr(visit, &s);
    return s.length;
}
