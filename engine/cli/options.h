// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

/* The command line of one verb: options made from parameters of PdRequest, and others. */
typedef struct _PdOptions PdOptions;

/* @verb, @summary: for --help. @names: of parameters that are options, or "size" for width and
 * height, "region" for a line of regions, "from", "json"; NULL-terminated. @own: options that the
 * verb reads itself, NULL: none. Verb and summary are kept, not copied. */
PdOptions *pd_options_new (const char *verb,
                           const char *summary,
                           const char *const *names,
                           const GOptionEntry *own);

/* Of the verb that @mode is. */
PdOptions *pd_options_new_of_mode (PdRequestMode mode);

void pd_options_free (PdOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdOptions, pd_options_free)

/* Reads the arguments; argv[0] is the verb. --help and --version print and end the process.
 * Errors: G_OPTION_ERROR for what is no option of this verb and for stray arguments. */
gboolean pd_options_parse (PdOptions *self, int argc, char **argv, GError **error);

/* Prints what was wrong with the arguments. Returns: 2, the exit status for it. */
int pd_options_usage_error (PdOptions *self, const char *message);

/* --version prints this. */
void pd_options_print_version (void);

/* Sets the parameters of request: first those stored in the picture --from names, except where it
 * was made (PD_REQUEST_PARAM_LOCAL), then those given as options.
 * Errors: G_OPTION_ERROR for a value that was given as an option, PD_ERROR_BAD_REQUEST for the
 * picture. */
gboolean pd_options_apply (PdOptions *self, PdRequest *request, GError **error);

/* Returns: the text given last for the option of that name, without its dashes; NULL if there is
 * none. */
const char *pd_options_text (PdOptions *self, const char *name);

/* The picture that --from names; NULL: none. */
const char *pd_options_from (PdOptions *self);

/* Whether the option of that name, without its dashes, was given. */
gboolean pd_options_given (PdOptions *self, const char *name);

/* Whether --json was given. */
gboolean pd_options_json (PdOptions *self);

/* The keyword under which a PNG holds the JSON of its request. */
extern const char pd_options_keyword[];
