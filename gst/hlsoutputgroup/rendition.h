/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A rendition: one output's streams on their way into one row of segments, and
 * what playlists say about it. Of the segmenter's thread.
 */
#pragma once

#include "gsthlsinput.h"
#include "gsthlsobjects.h"

G_BEGIN_DECLS

typedef struct _HlsRendition HlsRendition;

HlsRendition *hls_rendition_new (GstHlsOutput * settings);
void hls_rendition_free (HlsRendition * rendition);
GstHlsOutput *hls_rendition_get_settings (HlsRendition * rendition);

/* As of its last segment opened; NULL before the first. */
const HlsTrack *hls_rendition_get_track (HlsRendition * rendition);

/* Begins segment @number with those of @inputs (of GstHlsInput) whose output_index is
 * @index. TRUE: the track is another than before. */
gboolean hls_rendition_open (HlsRendition * rendition, GPtrArray * inputs, guint index, guint64 number);
/* One access unit into the open segment. FALSE with @error: it is left out. */
gboolean hls_rendition_write (HlsRendition * rendition, GstHlsInput * input, const HlsFrame * frame,
    GError ** error);
/* (transfer full): the segment's buffers, in order; *@size is its bytes. */
GstBufferList *hls_rendition_close (HlsRendition * rendition, guint64 * size);

G_END_DECLS
