/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of what is published. MediaLive's rule: base name, name modifier, segment
 * modifier, underscore, counter of at least five digits, extension.
 * Plain C, no state.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "curling" "-high" NULL 1 "ts" : "curling-high_00001.ts". Free with g_free(). */
gchar *hls_segment_name (const gchar * base_name, const gchar * name_modifier,
    const gchar * segment_modifier, guint64 counter, const gchar * extension);
/* "curling" "-high" : "curling-high.m3u8"; the multivariant playlist has no modifier. */
gchar *hls_playlist_name (const gchar * base_name, const gchar * name_modifier);

/* A name modifier or base name is part of a URL path and a file name: FALSE with @error naming
 * the character that must not be in it (slash, control, query and fragment marks, "..", NUL ...). */
gboolean hls_name_part_is_valid (const gchar * text, GError ** error);

G_END_DECLS
