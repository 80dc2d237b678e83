/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the segments of a running timeline end, and which frames are in them.
 */
#include "cutter-private.h"

/* A stream whose timeline stepped back waits this long (of its own media) for the
 * reference to do the same. */
#define ERA_PATIENCE (10 * SECOND)

/* Once: it must hold for every segment to come (RFC 8216bis 4.4.3.1). */
static void
fix_target_duration (HlsCutter *c, gint64 duration)
{
  if (c->target_duration == 0)
    c->target_duration = MAX (MAX (c->length, duration) + SECOND / 2, SECOND) / SECOND;
}

static void
end_at (HlsCutter *c, gint64 pts, gint64 arrival)
{
  c->end_known = TRUE;
  c->end = pts;
  c->end_arrival = arrival;
  fix_target_duration (c, pts - c->start + AUDIO_SLACK);
}

/* The format changed where no boundary can be: the next one may come at once, and
 * is a discontinuity. */
static void
cut_early (HlsCutter *c, HlsFrame *f)
{
  f->reformat = FALSE;
  c->next_discontinuity = TRUE;
  c->target = MIN (c->target, MAX (f->pts, c->muxed));
  hls_cutter_emit (c, HLS_CUT_KEY_REQUEST)->pts = HLS_TIME_NONE;
}

/* Looks through what the reference stream brought for the end of the segment. */
static void
find_end (HlsCutter *c)
{
  Stream *s = hls_cutter_pick_reference (c);
  guint n;

  if (!s)
    return;
  n = queued (s);
  for (; c->scanned < n && !c->end_known; c->scanned++) {
    HlsFrame *f = gst_queue_array_peek_nth_struct (s->frames, c->scanned);

    if (f->jump) {
      gint64 last = s->position;

      for (guint i = 0; i < c->scanned; i++) {
        HlsFrame *before = gst_queue_array_peek_nth_struct (s->frames, i);

        last = MAX (last, before->pts + before->duration);
      }
      end_at (c, MAX (MAX (last, c->muxed), c->start + MSECOND), f->arrival);
      c->end_jump = TRUE;
    } else if (f->pts > c->start + hls_cutter_longest (c) - AUDIO_SLACK) {
      /* too late, whatever it is */
      end_at (c, c->start + hls_cutter_longest (c) - AUDIO_SLACK, f->arrival);
      c->end_forced = TRUE;
      hls_cutter_warn (c, s, HLS_CUT_NO_KEYFRAME, c->end);
    } else if (f->key && f->pts >= c->target - c->tolerance) {
      end_at (c, f->pts, f->arrival);
    } else if (f->reformat && f->pts > c->start + c->tolerance) {
      if (f->key && f->pts >= c->muxed)
        end_at (c, f->pts, f->arrival);
      else
        cut_early (c, f);
    } else if (f->pts + f->duration > c->start + hls_cutter_longest (c) - AUDIO_SLACK && f->pts > c->start + c->tolerance) {
      end_at (c, f->pts, f->arrival);
      c->end_forced = TRUE;
      hls_cutter_warn (c, s, HLS_CUT_NO_KEYFRAME, f->pts);
    }
    if (c->end_known)
      break;
  }
  if (!c->end_known && n > 0 && (s->eos || s->stalled)) {
    /* It will bring no boundary any more: what the others have up to its end goes with it. */
    for (guint i = 0; i < n; i++) {
      HlsFrame *f = gst_queue_array_peek_nth_struct (s->frames, i);

      c->target = MAX (c->target, f->pts + f->duration);
    }
  }
  if (n > 0)
    hls_cutter_request_keys (c, ((HlsFrame *) gst_queue_array_peek_tail_struct (s->frames))->pts);
}

typedef enum { STREAM_READY, STREAM_WAITS, STREAM_CLOSED } StreamStatus;

/* A timeline of its own that stepped back before the reference's did: hold it,
 * for a while. Forward needs nothing: its frames are simply not due yet. */
static gboolean
waits_for_jump (Stream *s, HlsFrame *f)
{
  HlsFrame *newest = gst_queue_array_peek_tail_struct (s->frames);

  return f->pts < s->position && newest->pts - f->pts < ERA_PATIENCE;
}

/* Where the head of @s stands with respect to the segment. Drops what belongs to none. */
static StreamStatus
status_of (HlsCutter *c, Stream *s)
{
  Output *o = get_output (c, s->output);
  HlsFrame *f;

  while ((f = head (s))) {
    gboolean due = c->end_known ? f->pts >= c->end - (s->video ? half_frame (f) : 1000)
        : f->pts >= c->target - c->tolerance;

    if (f->jump) {
      if (c->end_jump || s->index == c->reference)
        return c->end_known ? STREAM_CLOSED : STREAM_WAITS;
      if (waits_for_jump (s, f))
        return STREAM_CLOSED;
      f->jump = FALSE;
      /* Video cannot be decoded from here on: in again at a keyframe. */
      s->joined &= !s->video;
    }
    if (!s->joined) {
      /* Comes in at the next boundary; until then it is not listed. */
      if (due && !c->end_known)
        return STREAM_WAITS;
      if (due && (!s->video || f->key))
        return STREAM_CLOSED;
      hls_cutter_take (c, s, HLS_CUT_DROP);
      continue;
    }
    if (f->pts + f->duration <= c->start && s->n_taken == 0) {
      hls_cutter_warn (c, s, HLS_CUT_LATE, f->pts);
      hls_cutter_take (c, s, HLS_CUT_DROP);
      s->joined &= !s->video;
      continue;
    }
    if (s->index == c->reference) {
      /* find_end() has looked at every frame */
      if (c->end_known && f->pts >= c->end && (f->key || c->end_forced))
        return STREAM_CLOSED;
      return STREAM_READY;
    }
    if (!c->end_known) {
      if (f->reformat && s->n_taken > 0) {
        cut_early (c, f);
        continue;
      }
      return due ? STREAM_WAITS : STREAM_READY;
    }
    if (!due)
      return STREAM_READY;
    if (!s->video || f->key || c->end_forced || c->end_jump)
      return STREAM_CLOSED;
    if (!s->warned) {
      s->warned = TRUE;
      hls_cutter_warn (c, s, HLS_CUT_UNALIGNED, c->end);
    }
    return f->pts + f->duration > (o->open ? o->start : c->start) + hls_cutter_longest (c)
        ? STREAM_CLOSED : STREAM_READY;
  }
  if (is_silent (s) || has_reached_end (c, s))
    return STREAM_CLOSED;
  return STREAM_WAITS;
}

static void
close_output (HlsCutter *c, guint index)
{
  Output *o = get_output (c, index);
  gint64 arrival = MAX (o->arrival, c->end_known ? c->end_arrival : 0);
  gint64 next = HLS_TIME_NONE;
  HlsCut *cut;

  o->closed = TRUE;
  /* Up to where the next one starts, so that rounding never adds up. */
  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);
    HlsFrame *f = head (s);

    if (s->output != index || !f || f->jump || !s->joined)
      continue;
    if (s->video || next == HLS_TIME_NONE)
      next = f->pts;
    arrival = MAX (arrival, f->arrival);
    if (s->video)
      break;
  }
  if (!o->open)
    return;                     /* a gap, if the others have something: see next_segment() */
  if (next == HLS_TIME_NONE || next <= o->start || next > o->start + hls_cutter_longest (c)
      || c->end_jump)
    next = MAX (o->end, o->start + MSECOND);
  fix_target_duration (c, next - o->start);

  cut = hls_cutter_emit (c, HLS_CUT_CLOSE);
  cut->output = index;
  cut->pts = o->start;
  cut->duration = next - o->start;
  cut->arrival = arrival;
}

/* Moves what can be moved of one output. TRUE if anything was. */
static gboolean
step_output (HlsCutter *c, guint index)
{
  Output *o = get_output (c, index);
  Stream *best = NULL, *first = NULL;
  gint64 limit = G_MAXINT64;
  gboolean all_closed = TRUE;

  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);
    StreamStatus status;

    if (s->output != index)
      continue;
    status = status_of (c, s);
    if (status == STREAM_CLOSED)
      continue;
    all_closed = FALSE;
    if (status == STREAM_WAITS && s->joined)
      limit = MIN (limit, queued (s) > 0 ? head (s)->dts : s->position);
    if (status != STREAM_READY)
      continue;
    if (!first || (s->video && !first->video))
      first = s;
    if (!best || head (s)->dts < head (best)->dts)
      best = s;
  }
  if (all_closed) {
    close_output (c, index);
    return TRUE;
  }
  if (!best || head (best)->dts >= limit)
    return FALSE;

  if (!o->open) {
    HlsCut *cut;

    o->open = o->started = TRUE;
    o->start = o->end = head (first)->pts;
    o->arrival = 0;
    for (guint i = 0; i < c->streams->len; i++) {
      Stream *s = get_stream (c, i);

      if (s->output == index && s->joined && queued (s) > 0) {
        cut = hls_cutter_emit (c, HLS_CUT_FIRST);
        cut->stream = i;
        cut->output = index;
        cut->frame = *head (s);
      }
    }
    cut = hls_cutter_emit (c, HLS_CUT_OPEN);
    cut->output = index;
    cut->pts = o->start;
  }
  o->end = MAX (o->end, head (best)->pts + head (best)->duration);
  o->arrival = MAX (o->arrival, head (best)->arrival);
  c->muxed = MAX (c->muxed, head (best)->pts + 1);
  best->n_taken++;
  hls_cutter_take (c, best, HLS_CUT_FRAME);
  return TRUE;
}

/* Sequence numbers stay in step: who had nothing lists a gap. */
static gboolean
fill_gaps (HlsCutter *c)
{
  gboolean any = FALSE;

  for (guint i = 0; i < c->outputs->len; i++)
    any |= get_output (c, i)->open;
  for (guint i = 0; any && i < c->outputs->len; i++) {
    Output *o = get_output (c, i);

    if (o->started && !o->ended && !o->open) {
      HlsCut *cut = hls_cutter_emit (c, HLS_CUT_CLOSE);

      cut->output = i;
      cut->pts = c->start;
      cut->duration = CLAMP (c->end - c->start, MSECOND, hls_cutter_longest (c));
      cut->gap = TRUE;
      cut->arrival = c->end_arrival;
    }
  }
  return any;
}

static void
next_segment (HlsCutter *c)
{
  gboolean jump = c->end_jump;

  if (fill_gaps (c))
    c->number++;
  else
    c->next_discontinuity |= c->discontinuity;
  if (hls_cutter_is_over (c)) {
    hls_cutter_end (c);
    return;
  }
  hls_cutter_end_outputs (c);
  for (guint i = 0; i < c->streams->len; i++) {
    HlsFrame *f = head (get_stream (c, i));

    c->next_discontinuity |= jump || (f && f->reformat);
  }
  if (!jump) {
    hls_cutter_begin_segment (c, c->end);
    return;
  }
  c->running = FALSE;
  c->requested = c->start_first = c->start_dropped_from = c->start_from = HLS_TIME_NONE;
  c->start_warned = FALSE;
  c->era_start = head (get_stream (c, c->reference))->pts;
  /* Forward, what is left of before is dropped for being early. Back, it lies
   * about as far ahead as the step was long. */
  c->era_cutoff = c->end > c->era_start ? c->era_start + (c->end - c->era_start) / 2 : G_MAXINT64;
  for (guint i = 0; i < c->streams->len; i++)
    get_stream (c, i)->in_era = FALSE;
  c->reference = G_MAXUINT;
  hls_cutter_emit (c, HLS_CUT_KEY_REQUEST)->pts = HLS_TIME_NONE;
}

/* Nobody takes part any more: who is there by now begins anew. */
static gboolean
start_again (HlsCutter *c)
{
  gboolean anyone = FALSE;

  for (guint i = 0; i < c->streams->len; i++)
    anyone |= queued (get_stream (c, i)) > 0;
  if (anyone) {
    c->running = FALSE;
    c->next_discontinuity = TRUE;
    c->reference = G_MAXUINT;
    c->requested = c->start_first = c->start_dropped_from = c->start_from = HLS_TIME_NONE;
    c->start_warned = FALSE;
  }
  return anyone;
}

gboolean
hls_cutter_run (HlsCutter *c)
{
  gboolean moved = FALSE, all_closed = TRUE;

  if (!c->end_known)
    find_end (c);
  for (guint o = 0; o < c->outputs->len; o++) {
    if (get_output (c, o)->closed)
      continue;
    while (!get_output (c, o)->closed && step_output (c, o))
      moved = TRUE;
    all_closed &= get_output (c, o)->closed;
  }
  /* Where nobody is left who could decide, whoever waits to join must not wait for that. */
  if (!all_closed && (moved || !gst_queue_array_is_empty (c->pending) || c->end_known || hls_cutter_pick_reference (c)))
    return moved || !gst_queue_array_is_empty (c->pending);
  for (guint o = 0; o < c->outputs->len; o++)
    if (!get_output (c, o)->closed)
      close_output (c, o);
  if (!c->end_known) {
    /* All silent, so no boundary was needed: what there is goes out. */
    gboolean any = FALSE;

    c->end = c->start;
    for (guint o = 0; o < c->outputs->len; o++) {
      Output *output = get_output (c, o);

      any |= output->open;
      output->closed = output->open;
      if (output->open)
        c->end = MAX (c->end, output->end);
    }
    if (!hls_cutter_is_over (c)) {
      if (!any)
        return start_again (c);
      c->next_discontinuity = TRUE;
    }
  }
  next_segment (c);
  return TRUE;
}
