/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the segmenter tells its packagers, besides the object contract of
 * gst/delivery/gstdeliveryobject.h:
 *
 *  - a sticky event with one HlsTrack per output, sent before the first segment and again
 *    whenever one of them changes;
 *  - segments: delivery buffers of kind segment with no name, whose structure has the
 *    fields of HlsSegmentExtra as well (on the fragment with the MARKER).
 */
#pragma once

#include <gst/delivery/gstdelivery.h>
#include "playlist.h"

G_BEGIN_DECLS

/* Settings of the whole group, a snapshot taken when the bin goes to PAUSED. */
typedef struct {
  HlsMode mode;
  guint segment_length;         /* seconds */
  guint index_n_segments;
  guint keep_segments;
  gboolean program_date_time;
} HlsGroupSettings;

typedef struct {
  gchar *name;                  /* output name: the delivery objects' track */
  gchar *name_modifier;         /* "-high" */
  gchar *segment_modifier;      /* or NULL */
  gchar *extension;             /* "ts" */
  gchar *content_type;          /* "video/mp2t" */
  gchar *codecs;
  gchar *language;              /* of its audio, or NULL */
  guint width, height;
  gint fps_n, fps_d;
  guint channels;
  gboolean video, audio;
} HlsTrack;

void hls_track_free (HlsTrack * track);

/* @tracks: of HlsTrack*. The event is GST_EVENT_CUSTOM_DOWNSTREAM_STICKY. */
GstEvent *hls_tracks_event_new (GPtrArray * tracks);
/* NULL where @event is another one. (transfer full), with free function. */
GPtrArray *hls_tracks_event_parse (GstEvent * event);

/* Serialized, before EOS: no segment comes any more. A sink may hold EOS back until all
 * is published; by then the other pipelines' playlists must have ended, too. */
GstEvent *hls_end_event_new (void);
gboolean hls_event_is_end (GstEvent * event);

typedef struct {
  gint64 program_date_time;     /* microseconds since 1970 UTC, of the first frame */
  gboolean discontinuity;
  gboolean gap;                 /* nothing came in for it; the object has no bytes */
  guint target_duration;        /* seconds, the same for all tracks, constant */
} HlsSegmentExtra;

void hls_segment_extra_set (GstStructure * meta, const HlsSegmentExtra * extra);
gboolean hls_segment_extra_get (const GstStructure * meta, HlsSegmentExtra * extra);

#define HLS_SEGMENT_CAPS "application/x-hls-segment-object"

G_END_DECLS
