/* The report's collectives: how each moves its bytes and what it costs alone; and a comparison of programs
   that ran at the same time. */
#include "report/report_collectives.h"

#include "report/figures.h"
#include "report/members.h"

static uint32_t line_of(const ts_report *report, uint32_t loc) {
    for (uint32_t i = 0; i < report->lines.count; i++)
        for (uint32_t r = 0; r < report->lines.data[i].row_count; r++)
            if (report->rows.data[report->lines.data[i].first_row + r].loc == loc) return i + 1;
    return 0;
}

void ts_report_collectives(ts_report *report) {
    const ts_chip *chip = &report->record.chip;
    for (uint32_t at = 0; at < report->program->code.count; at++) {
        const ts_inst *inst = report->program->code.data[at];
        if (inst->op != ts_op_collective) continue;
        ts_report_collective found = {.inst = at, .line = line_of(report, inst->loc)};
        ts_cc_plan_make(report->program, (const ts_inst_collective *)inst, chip, &found.plan);
        found.cost = ts_cc_cost_of(&found.plan, chip);
        if (report->record.lives.count) found.count = report->record.lives.data[at].count;
        ts_vec_push(&report->collectives, &report->arena, found);
    }
}

const char *ts_report_collective_kind(const ts_report *report, const ts_report_collective *collective) {
    return ts_cc_name(((const ts_inst_collective *)report->program->code.data[collective->inst])->kind);
}

void ts_report_collective_words(const ts_report *report, const ts_report_collective *collective,
                                ts_text *out) {
    const ts_cc_plan *plan = &collective->plan;
    ts_text_format(out, "%s of ", ts_report_collective_kind(report, collective));
    ts_figure_bytes(out, (double)plan->message);
    ts_text_format(out, " on %d ranks of %d chip%s: %s, %d step%s, ", plan->members, plan->chips,
                   plan->chips == 1 ? "" : "s", ts_cc_algorithm_name(plan->algorithm), plan->steps,
                   plan->steps == 1 ? "" : "s");
    ts_figure_time(out, collective->cost.latency + collective->cost.move);
    ts_text_format(out, " alone, bounded by %s", ts_cc_limit_name(collective->cost.limit));
}

void ts_report_collectives_json(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text_add(out, ",\n \"collectives\": {");
    ts_member_integer(out, "ranks", record->ranks);
    ts_member_integer(out, "count", (int64_t)record->collectives);
    ts_member_integer(out, "bytes", (int64_t)record->collective_bytes);
    ts_member_integer(out, "link_bytes", (int64_t)record->link_bytes);
    ts_member_integer(out, "busy_ps", record->collective_busy);
    ts_member_integer(out, "exposed_ps", record->bound[ts_bound_collective]);
    ts_member_list(out, "instructions");
    for (uint32_t i = 0; i < report->collectives.count; i++) {
        const ts_report_collective *at = &report->collectives.data[i];
        const ts_loc *loc = ts_report_loc(report, report->program->code.data[at->inst]->loc);
        ts_member_item(out, i == 0);
        ts_member_string(out, "kind", ts_report_collective_kind(report, at));
        ts_member_string(out, "file", loc->file);
        ts_member_integer(out, "line", loc->line);
        ts_member_integer(out, "count", (int64_t)at->count);
        ts_member_integer(out, "bytes", at->plan.message);
        ts_member_integer(out, "members", at->plan.members);
        ts_member_integer(out, "chips", at->plan.chips);
        ts_member_string(out, "algorithm", ts_cc_algorithm_name(at->plan.algorithm));
        ts_member_integer(out, "steps", at->plan.steps);
        ts_member_integer(out, "rings", at->plan.channels);
        ts_member_string(out, "bounded_by", ts_cc_limit_name(at->cost.limit));
        ts_member_integer(out, "latency_ps", at->cost.latency);
        ts_member_integer(out, "move_ps", at->cost.move);
        ts_member_number(out, "sent_bytes", at->plan.remote + at->plan.local);
        ts_member_number(out, "busiest_link_bytes", at->plan.link);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]}");
}

/* ---- programs that ran at the same time ---- */

/* The row with the largest share of the record's time, except the launch; NULL: none. */
static const ts_record_row *costliest(const ts_record *record) {
    const ts_record_row *best = NULL;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (row->engine != ts_engine_none && row->bound > 0 && (!best || row->bound > best->bound))
            best = row;
    }
    return best;
}

bool ts_report_imbalance(const ts_report_rank *ranks, int count, ts_text *out) {
    enum { MOST_PERCENT = 5 };
    int worst = 0, best = 0;
    for (int i = 1; i < count; i++) {
        if (ranks[i].record->total > ranks[worst].record->total) worst = i;
        if (ranks[i].record->total < ranks[best].record->total) best = i;
    }
    const ts_record *slow = count ? ranks[worst].record : NULL, *fast = count ? ranks[best].record : NULL;
    if (!slow || (slow->total - fast->total) * 100 <= MOST_PERCENT * slow->total) return false;
    const ts_record_row *row = costliest(slow);
    ts_text_format(out, "Imbalance: %s %d takes ", ranks[worst].word, ranks[worst].number);
    ts_figure_time(out, slow->total);
    ts_text_format(out, ", %.0f %% more than %s %d", 100 * ((double)slow->total / (double)fast->total - 1),
                   ranks[best].word, ranks[best].number);
    if (!row) return true;
    const ts_loc *loc = &ranks[worst].program->locs.data[row->loc];
    ts_text_add(out, "; most of it is ");
    ts_report_place(loc->file ? loc->file : "", loc->line, out);
    ts_text_format(out, ", %s, for ", ts_figure_bound(ts_figure_main_bound(row->bounds)));
    ts_figure_time(out, row->bound);
    return true;
}
