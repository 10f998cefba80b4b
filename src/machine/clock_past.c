/* What the clock may forget of the accesses that it remembers: what cannot delay anything any more. */
#include "machine/clock_core.h"

/* Brings up to date what no engine that may still come starts anything before. Engines that are `far` behind
   the first one are looked at one by one. */
static void find_free(ts_clock *clock, ts_users *users, ts_time far) {
    ts_time ahead = 0;
    users->tick = clock->ticks;
    users->lagging = 0;
    if (!users->free) users->free = TS_NEW_ARRAY(&clock->arena, ts_time, (size_t)clock->sets);
    for (int k = 0; k < clock->sets; k++)
        users->free[k] = INT64_MAX;
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        if (users->last[engine] > clock->since && clock->engine_free[engine].at[0] > ahead)
            ahead = clock->engine_free[engine].at[0];
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        const ts_times *free = &clock->engine_free[engine];
        if (users->last[engine] <= clock->since) continue;
        if (free->at[0] < ahead - far) {
            users->lagging |= 1u << engine;
            continue;
        }
        for (int k = 0; k < clock->sets; k++)
            if (free->at[k] < users->free[k]) users->free[k] = free->at[k];
    }
}

TS_INLINE bool was_over_in(const ts_event *event, const ts_time *free, int sets) {
    bool is = true;
    for (int k = 0; k < sets; k++)
        is &= (event->of[k].ready <= free[k]) & (event->of[k].same <= free[k]);
    return is;
}

static bool was_over(const ts_clock *clock, const ts_event *event, const ts_time *free) {
    return TS_WITH_SETS(clock, was_over_in, event, free);
}

/* Nothing that is still to come can be delayed by what was over before the latest instruction of every engine
   that may still wait for it. What is not past is looked at again some ticks later. Whether an engine that is
   far behind may still come to the place is looked at only when asked to be thorough, and what operands may
   touch is not found out for that early in a run. */
bool ts_past(ts_clock *clock, ts_storage *storage, ts_box *box, bool is_thorough) {
    enum { SOON = 1, LATER = 8, EARLY = 32, FAR = 10000000 }; /* FAR: 10 us */
    ts_users *users = &storage->users[box->is_write];
    if (clock->ticks < box->look || !box->event->is_done) return false;
    if (users->tick != clock->ticks) find_free(clock, users, FAR);
    bool is_early = clock->ticks < EARLY && !clock->reach_list;
    if (users->lagging && (!is_thorough || is_early)) return false;
    box->look = clock->ticks + SOON;
    if (!was_over(clock, box->event, users->free)) return false;
    for (uint32_t engines = users->lagging; engines; engines &= engines - 1) {
        uint8_t engine = (uint8_t)__builtin_ctz(engines);
        if (was_over(clock, box->event, clock->engine_free[engine].at)) continue;
        ts_reach_find(clock);
        if (!ts_reach_may_meet(clock, engine, storage, &box->place, box->is_write)) continue;
        box->look = clock->ticks + LATER;
        return false;
    }
    return true;
}

/* Whether it is past at this moment: what is told by times alone comes back with them. */
bool ts_past_now(const ts_clock *clock, const ts_users *users, const ts_event *event) {
    if (!event->is_done) return false;
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        if (users->last[engine] > clock->since && !was_over(clock, event, clock->engine_free[engine].at))
            return false;
    return true;
}

/* Forgets the boxes that cannot delay anything any more. */
void ts_past_thin_out(ts_clock *clock, ts_storage *storage, bool is_write, bool is_thorough) {
    enum { PART = 64 };
    if (!is_write) ts_boxes_tidy(clock, storage);
    ts_boxes_find(clock, storage, is_write);
    for (uint32_t i = 0; i < clock->found.count; i++)
        if (ts_past(clock, storage, clock->found.data[i].box, is_thorough))
            ts_boxes_drop(clock, storage, clock->found.data[i].slot, false);
    uint32_t left = storage->boxes[is_write];
    if (is_thorough) storage->crowd[is_write] = 2 * left + TS_CLOCK_FEW;
    storage->few[is_write] = left + left / PART + TS_CLOCK_FEW;
}

void ts_past_tick(ts_clock *clock) {
    clock->ticks++;
    for (uint32_t kind = 0; kind < 2 * TS_STORAGE_SCRATCH; kind++) {
        ts_storage *storage = &clock->storages[kind / 2];
        if (storage->boxes[kind % 2] > storage->few[kind % 2])
            ts_past_thin_out(clock, storage, kind % 2, false);
        if (storage->table.empty > storage->boxes[false] + TS_CLOCK_FEW) ts_boxes_tidy(clock, storage);
    }
}

/* All engines are looked at one by one: what was forgotten when one of them was far behind, and would not be
   now that it is not, must not make a difference between two states. */
void ts_past_sweep(ts_clock *clock) {
    ts_past_tick(clock);
    for (uint32_t kind = 0; kind < 2 * clock->storage_count; kind++) {
        ts_storage *storage = &clock->storages[kind / 2];
        if (storage->boxes[kind % 2] == 0) continue;
        find_free(clock, &storage->users[kind % 2], 0);
        ts_boxes_find(clock, storage, kind % 2);
        for (uint32_t i = 0; i < clock->found.count; i++)
            clock->found.data[i].box->look = 0;
        ts_past_thin_out(clock, storage, kind % 2, true);
    }
}
