/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a timeline begins: at a keyframe that all renditions have in common.
 */
#include "cutter-private.h"

/* On top of what encoders say they look ahead. */
#define LATENCY_SLACK (SECOND / 2)

/* After a jump of the reference: the others' frames of before are of no use. */
static void
drop_old_timeline (HlsCutter *c)
{
  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);
    HlsFrame *f;

    while (!s->in_era && (f = head (s))) {
      if (f->jump || f->pts <= c->era_cutoff) {
        f->jump = FALSE;
        s->in_era = TRUE;
        s->position = s->skipped = HLS_TIME_NONE;
      } else
        hls_cutter_take (c, s, HLS_CUT_DROP);
    }
  }
}

/* Drops up to the first keyframe at or after @from; FALSE when none is queued. */
static gboolean
seek_key (HlsCutter *c, Stream *s, gint64 from)
{
  HlsFrame *f;

  while ((f = head (s))) {
    if ((f->key || !s->video) && (from == HLS_TIME_NONE || f->pts >= from - (s->video ? half_frame (f) : 1000)))
      return TRUE;
    if (s->video) {
      if (c->start_dropped_from == HLS_TIME_NONE)
        c->start_dropped_from = f->pts;
      else if (!c->start_warned && f->pts - c->start_dropped_from > 3 * c->length) {
        c->start_warned = TRUE;
        hls_cutter_warn (c, s, HLS_CUT_NO_KEYFRAME_AT_START, f->pts);
      }
    }
    hls_cutter_take (c, s, HLS_CUT_DROP);
  }
  return FALSE;
}

gboolean
hls_cutter_start (HlsCutter *c)
{
  gint64 start = HLS_TIME_NONE;
  Stream *ref = NULL;
  gboolean any = FALSE, aligned = FALSE, waiting = FALSE, patient = TRUE;
  gint64 segments = 1;
  guint pending = gst_queue_array_get_length (c->pending);

  if (c->era_start != HLS_TIME_NONE)
    drop_old_timeline (c);
  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);

    if (is_silent (s))
      continue;
    any = TRUE;
    if (!(s->video ? seek_key (c, s, c->start_from) : queued (s) > 0))
      waiting = TRUE;
  }
  if (!any) {
    if (c->streams->len > 0 && hls_cutter_is_over (c))
      hls_cutter_end (c);
    return gst_queue_array_get_length (c->pending) > pending;
  }
  if (waiting)
    return gst_queue_array_get_length (c->pending) > pending;

  while (!aligned) {
    gboolean video = FALSE;

    aligned = TRUE;
    for (guint i = 0; i < c->streams->len; i++) {
      Stream *s = get_stream (c, i);

      if (queued (s) == 0 || (video && !s->video))
        continue;
      if (s->video && !video) {
        video = TRUE;
        start = HLS_TIME_NONE;
        ref = NULL;
      }
      start = MAX (start, head (s)->pts);
      if (!ref)
        ref = s;
    }
    if (c->start_first == HLS_TIME_NONE)
      c->start_first = start;
    patient = start - c->start_first <= 3 * c->length;
    for (guint i = 0; i < c->streams->len; i++) {
      Stream *s = get_stream (c, i);

      if (is_silent (s))
        continue;
      if (!seek_key (c, s, start)) {
        if (s->video)
          waiting = TRUE;
      } else if (s->video && head (s)->pts > start + half_frame (head (s))) {
        if (patient)
          aligned = FALSE;
        else
          hls_cutter_warn (c, s, HLS_CUT_UNALIGNED_START, start);
      }
    }
    if (waiting)
      return gst_queue_array_get_length (c->pending) > pending;
  }

  if (ref->video && head (ref)->duration > 0) {
    gint64 d = head (ref)->duration;

    c->tolerance = half_frame (head (ref));
    c->grid = MAX (1, (c->length + d / 2) / d) * d;
    segments = 1 + (c->latency + LATENCY_SLACK) / c->grid;
    if (c->live && segments > 1 && c->start_from == HLS_TIME_NONE) {
      /* The keyframes of the first boundaries would come too late, and each
       * rendition's elsewhere. */
      c->start_from = c->target = start + segments * c->grid;
      hls_cutter_request_keys (c, start);
      return TRUE;
    }
    if (c->live)
      segments = 1;
  }
  for (guint i = 0; i < c->streams->len; i++) {
    get_stream (c, i)->joined = !is_silent (get_stream (c, i));
    if (get_stream (c, i)->position == HLS_TIME_NONE)
      get_stream (c, i)->position = start;
  }
  c->running = TRUE;
  hls_cutter_begin_segment (c, start);
  c->target = start + segments * c->grid;
  c->era_start = HLS_TIME_NONE;
  hls_cutter_pick_reference (c);
  hls_cutter_request_keys (c, start);
  return TRUE;
}
