/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What has come in on each input, as its playlists tell it: the newest segment, how old
 * the live edge is, what was lost. No HTTP. One thread.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "store.h"

G_BEGIN_DECLS

typedef struct _Inputs Inputs;

Inputs *inputs_new (guint n_inputs, Store * store);
void inputs_free (Inputs * inputs);

/* The object at @path, whose first component is the number of an input, was stored or removed. */
void inputs_stored (Inputs * inputs, const gchar * path, const StoreObject * object);
void inputs_removed (Inputs * inputs, const gchar * path);

/* Adds the member "inputs" to the object that @builder has open. */
void inputs_to_json (Inputs * inputs, JsonBuilder * builder);

gboolean inputs_is_playlist (const gchar * path);

G_END_DECLS
