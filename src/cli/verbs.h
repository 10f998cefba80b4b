/* The verbs of the command, in the order in which help lists them. */
#ifndef TS_CLI_VERBS_H
#define TS_CLI_VERBS_H

#include "cli/options.h"

extern const ts_verb ts_verb_run, ts_verb_time, ts_verb_report, ts_verb_explain, ts_verb_diff,
    ts_verb_compile, ts_verb_print, ts_verb_chip, ts_verb_isa, ts_verb_ls, ts_verb_top, ts_verb_version;

enum { TS_VERB_COUNT = 12 };
const ts_verb *ts_verb_at(int index);
/* NULL when there is no verb of that name. */
const ts_verb *ts_verb_find(const char *name);

/* Options that several verbs share, as rows of their tables. */
#define TS_OPTION(name, letter, value, kind, field, low, high, help)                                         \
    { name, letter, value, ts_option_##kind, offsetof(ts_arguments, field), low, high, help }
#define TS_OPTION_INSTANCE                                                                                   \
    TS_OPTION("instance", 0, "NAME", word, instance, 0, 0,                                                   \
              "The modelled instance, such as trn1.2xlarge; trainstone chip --instances lists them. "        \
              "Default: TRAINSTONE_INSTANCE, else the smallest with the chip of a compiled PROG, else "      \
              "trn1.2xlarge.")
#define TS_OPTION_CHIP                                                                                       \
    TS_OPTION(                                                                                               \
        "chip", 0, "NAME|FILE", word, chip, 0, 0,                                                            \
        "A chip (trn1, inf2) or a what-if file: what trainstone chip prints, edited; one changed "           \
        "line under \"chip trn1\" is enough. A path needs a dot or a slash. Default: TRAINSTONE_CHIP, "      \
        "else the instance's.")
#define TS_OPTIONS_CAST                                                                                      \
    TS_OPTION("auto-cast", 0, "MODE", word, auto_cast, 0, 0,                                                 \
              "Which fp32 operations are computed in a narrower type, as neuronx-cc takes it: none (as the " \
              "program says), matmult (operands of dot and convolution) or all. Default: --auto-cast of "    \
              "NEURON_CC_FLAGS, else none."),                                                                \
        TS_OPTION("auto-cast-type", 0, "TYPE", word, auto_cast_type, 0, 0,                                   \
                  "That type: bf16, fp16, tf32 or fp8_e4m3. Default: NEURON_CC_FLAGS, else bf16.")
#define TS_OPTION_JSON                                                                                       \
    TS_OPTION("json", 0, NULL, flag, json, 0, 0, "One JSON object on standard output, errors too.")
#define TS_OPTION_STRICT                                                                                     \
    TS_OPTION("strict", 0, NULL, flag, is_strict, 0, 0,                                                      \
              "Refuse a result that leans on numbers of the chip that no document gives (assumed rows).")
#define TS_OPTION_HELP TS_OPTION("help", 'h', NULL, flag, help, 0, 0, "This text.")
#define TS_OPTION_END                                                                                        \
    { 0 }

#endif
