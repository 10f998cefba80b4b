/* Tensors that are accessed slot by slot: an index picks the slot of every access, a slot is as large as a
   step of the index, and no access leaves its slot. Whichever slots the data picks, two accesses can meet
   only if they would meet within a single slot. So all of them are treated as if they were in one slot. */
#include "arch/dtype.h"
#include "clock/clock_core.h"

/* Whether the index operand is a single element. */
static bool is_single(const ts_ap *index) {
    bool is_one = index->parts.max == 1;
    for (int i = 0; i < index->dims; i++)
        is_one &= index->dim[i].count.max == 1;
    return is_one;
}

/* The size in bytes of the slot that the access stays in; 0: it may leave its slot, or has no index. */
static int64_t slot_of(const ts_program *program, const ts_ap *ap) {
    int64_t lo = ap->offset.base, hi = lo;
    if (!ap->index || !ts_affine_is_constant(&ap->offset) ||
        !is_single(&program->indices.data[ap->index - 1]))
        return 0;
    for (int i = 0; i < ap->dims; i++) {
        int64_t reach = ap->dim[i].step * (ap->dim[i].count.max - 1);
        *(reach < 0 ? &lo : &hi) += reach;
    }
    return lo >= 0 && hi < ap->index_step ? ap->index_step * ts_dtype_get(ap->dtype)->bytes : 0;
}

void ts_slots_note(const ts_clock *clock, const ts_access *access) {
    ts_storage *storage = ts_access_storage(clock, access);
    if (access->site->storage < TS_STORAGE_TENSOR || storage->slot < 0) return;
    const int64_t own = slot_of(clock->program, access->ap);
    const bool fits = own > 0 && (storage->slot == 0 || storage->slot == own);
    storage->slot = fits ? own : -1;
}
