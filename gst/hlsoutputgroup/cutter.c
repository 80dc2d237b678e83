/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cutter-private.h"

/* How far ahead keyframes are asked for: more than any encoder's look-ahead. */
#define REQUEST_AHEAD (4 * SECOND)
#define REQUEST_AHEAD_FRAMES 64

HlsCutter *
hls_cutter_new (gint64 segment_length, guint64 first_number)
{
  HlsCutter *c = g_new0 (HlsCutter, 1);

  c->outputs = g_array_new (FALSE, TRUE, sizeof (Output));
  c->streams = g_ptr_array_new ();
  c->pending = gst_queue_array_new_for_struct (sizeof (HlsCut), 32);
  c->length = c->grid = segment_length;
  c->tolerance = 8 * MSECOND;
  c->number = first_number;
  c->requested = c->start_first = c->start_dropped_from = c->start_from = c->era_start = HLS_TIME_NONE;
  c->reference = G_MAXUINT;
  return c;
}

void
hls_cutter_free (HlsCutter *c, GDestroyNotify drop_frame)
{
  HlsCut *cut;

  while ((cut = gst_queue_array_pop_head_struct (c->pending)))
    if (cut->kind == HLS_CUT_FRAME || cut->kind == HLS_CUT_DROP)
      drop_frame (cut->frame.data);
  gst_queue_array_free (c->pending);
  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = g_ptr_array_index (c->streams, i);
    HlsFrame *f;

    while ((f = gst_queue_array_pop_head_struct (s->frames)))
      drop_frame (f->data);
    gst_queue_array_free (s->frames);
    g_free (s);
  }
  g_ptr_array_unref (c->streams);
  g_array_unref (c->outputs);
  g_free (c);
}

guint
hls_cutter_add_output (HlsCutter *c)
{
  g_array_set_size (c->outputs, c->outputs->len + 1);
  return c->outputs->len - 1;
}

guint
hls_cutter_add_stream (HlsCutter *c, guint output, gboolean video)
{
  Stream *s = g_new0 (Stream, 1);

  s->index = c->streams->len;
  s->output = output;
  s->video = video;
  s->frames = gst_queue_array_new_for_struct (sizeof (HlsFrame), 64);
  s->position = s->skipped = HLS_TIME_NONE;
  s->in_era = TRUE;
  s->stalled = c->running;      /* nobody waits for its first frame */
  get_output (c, output)->ended = FALSE;
  g_ptr_array_add (c->streams, s);
  return s->index;
}

HlsCut *
hls_cutter_emit (HlsCutter *c, HlsCutKind kind)
{
  HlsCut cut = {.kind = kind,.number = c->number,.discontinuity = c->discontinuity };

  gst_queue_array_push_tail_struct (c->pending, &cut);
  return gst_queue_array_peek_tail_struct (c->pending);
}

void
hls_cutter_warn (HlsCutter *c, Stream *s, HlsCutWarning warning, gint64 pts)
{
  HlsCut *cut = hls_cutter_emit (c, HLS_CUT_WARNING);

  cut->stream = s->index;
  cut->output = s->output;
  cut->warning = warning;
  cut->pts = pts;
}

void
hls_cutter_take (HlsCutter *c, Stream *s, HlsCutKind kind)
{
  HlsFrame frame = *(HlsFrame *) gst_queue_array_pop_head_struct (s->frames);
  HlsCut *cut = hls_cutter_emit (c, kind);

  cut->stream = s->index;
  cut->output = s->output;
  cut->frame = frame;
  s->bytes -= frame.size;
  s->position = MAX (s->position, frame.dts + frame.duration);
  if (s->index == c->reference && c->scanned > 0)
    c->scanned--;
}

gint64
hls_cutter_longest (HlsCutter *c)
{
  if (c->target_duration == 0)
    return 3 * c->length;
  return c->target_duration * SECOND + SECOND / 2 - MSECOND;
}

Stream *
hls_cutter_pick_reference (HlsCutter *c)
{
  Stream *best = NULL;

  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);

    if (is_silent (s) || !s->joined || get_output (c, s->output)->closed)
      continue;
    if (s->video) {
      best = s;
      break;
    }
    if (!best)
      best = s;
  }
  if (best && best->index != c->reference) {
    /* At the very end, audio that runs on a little stays with the last picture. */
    if (!best->video && c->reference != G_MAXUINT && is_over (get_stream (c, c->reference)))
      c->target = MAX (c->target, c->start + hls_cutter_longest (c) - AUDIO_SLACK - 2 * c->tolerance);
    c->target = MAX (c->target, c->muxed);
    c->reference = best->index;
    c->scanned = 0;
  }
  return best;
}

void
hls_cutter_request_keys (HlsCutter *c, gint64 newest)
{
  gint64 ahead = MAX (REQUEST_AHEAD, 2 * REQUEST_AHEAD_FRAMES * c->tolerance) + c->grid;

  if (c->requested == HLS_TIME_NONE || c->requested < c->target)
    c->requested = c->target - c->grid;
  while (c->requested + c->grid <= newest + ahead) {
    c->requested += c->grid;
    hls_cutter_emit (c, HLS_CUT_KEY_REQUEST)->pts = c->requested - c->tolerance;
  }
}

gboolean
hls_cutter_is_over (HlsCutter *c)
{
  for (guint i = 0; i < c->streams->len; i++)
    if (!is_over (get_stream (c, i)))
      return FALSE;
  return TRUE;
}

void
hls_cutter_end_outputs (HlsCutter *c)
{
  for (guint o = 0; o < c->outputs->len; o++) {
    Output *output = get_output (c, o);
    gboolean over = !output->ended;

    for (guint i = 0; i < c->streams->len && over; i++)
      over = get_stream (c, i)->output != o || is_over (get_stream (c, i));
    if (!over)
      continue;
    output->ended = TRUE;
    if (output->started)
      hls_cutter_emit (c, HLS_CUT_OUTPUT_END)->output = o;
  }
}

void
hls_cutter_end (HlsCutter *c)
{
  hls_cutter_end_outputs (c);
  c->ended = TRUE;
  hls_cutter_emit (c, HLS_CUT_END);
}

/* A stream that was away or is new comes in where it can be decoded from. */
static void
join_streams (HlsCutter *c)
{
  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);
    HlsFrame *f;

    s->n_taken = 0;
    s->warned = FALSE;
    if (s->joined)
      continue;
    /* Its output may have been closed before it brought anything: nobody has looked at these. */
    while ((f = head (s)) && !f->jump && f->pts < c->start - (s->video ? half_frame (f) : 1000))
      hls_cutter_take (c, s, HLS_CUT_DROP);
    if (!f)
      continue;
    if (f->pts >= c->start - (s->video ? half_frame (f) : 1000) && (f->key || !s->video)) {
      s->joined = TRUE;
      if (get_output (c, s->output)->started)
        c->next_discontinuity = TRUE;   /* the number of its tracks changes */
    }
  }
}

void
hls_cutter_begin_segment (HlsCutter *c, gint64 start)
{
  c->start = c->muxed = start;
  c->target = start + c->grid;
  c->end_known = c->end_forced = c->end_jump = FALSE;
  c->scanned = 0;
  for (guint o = 0; o < c->outputs->len; o++)
    get_output (c, o)->open = get_output (c, o)->closed = FALSE;
  join_streams (c);
  c->discontinuity = c->next_discontinuity;
  c->next_discontinuity = FALSE;
}

void
hls_cutter_push (HlsCutter *c, guint stream, const HlsFrame *frame)
{
  Stream *s = get_stream (c, stream);

  gst_queue_array_push_tail_struct (s->frames, (gpointer) frame);
  s->bytes += frame->size;
  s->stalled = FALSE;
}

void
hls_cutter_skip (HlsCutter *c, guint stream, gint64 position)
{
  Stream *s = get_stream (c, stream);

  if (queued (s) == 0)
    s->position = s->skipped = MAX (s->position, position);
  s->stalled = FALSE;
}

void
hls_cutter_eos (HlsCutter *c, guint stream)
{
  get_stream (c, stream)->eos = TRUE;
}

void
hls_cutter_set_stalled (HlsCutter *c, guint stream, gboolean stalled)
{
  get_stream (c, stream)->stalled = stalled;
}

gboolean
hls_cutter_next (HlsCutter *c, HlsCut *cut)
{
  HlsCut *next;

  while (gst_queue_array_is_empty (c->pending)) {
    if (c->ended || !(c->running ? hls_cutter_run (c) : hls_cutter_start (c)))
      return FALSE;
  }
  next = gst_queue_array_pop_head_struct (c->pending);
  *cut = *next;
  return TRUE;
}

gboolean
hls_cutter_awaits (HlsCutter *c, guint stream)
{
  Stream *s = get_stream (c, stream);

  if (c->ended || s->eos || s->stalled)
    return FALSE;
  if (c->running && s->index == c->reference && !c->end_known)
    return TRUE;
  if (queued (s) > 0)
    return FALSE;
  if (!c->running)
    return TRUE;
  return !has_reached_end (c, s);
}

gboolean
hls_cutter_is_closing (HlsCutter *c)
{
  return c->running && c->end_known;
}

gint64
hls_cutter_get_target (HlsCutter *c)
{
  return c->running ? c->target - c->tolerance : HLS_TIME_NONE;
}

gint64
hls_cutter_get_backlog (HlsCutter *c, guint stream, gsize *bytes)
{
  Stream *s = get_stream (c, stream);
  HlsFrame *first = head (s), *last = gst_queue_array_peek_tail_struct (s->frames);

  if (bytes)
    *bytes = s->bytes;
  return first ? MAX (0, last->dts + last->duration - first->dts) : 0;
}

void
hls_cutter_set_latency (HlsCutter *c, gboolean live, gint64 latency)
{
  c->live = live;
  c->latency = latency;
}

guint
hls_cutter_get_target_duration (HlsCutter *c)
{
  return c->target_duration;
}
