/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cutter.h"

#include <gst/base/gstqueuearray.h>

#define MSECOND G_GINT64_CONSTANT (1000000)
#define SECOND (1000 * MSECOND)

/* How far ahead keyframes are asked for: more than any encoder's look-ahead. */
#define REQUEST_AHEAD (4 * SECOND)
#define REQUEST_AHEAD_FRAMES 64
/* On top of what encoders say they look ahead. */
#define LATENCY_SLACK (SECOND / 2)
/* A stream whose timeline stepped back waits this long (of its own media) for the
 * reference to do the same. */
#define ERA_PATIENCE (10 * SECOND)

/* Audio is cut on its own frames: its segments are longer than the video's by up to one. */
#define AUDIO_SLACK (100 * MSECOND)

typedef struct {
  guint index, output;
  gboolean video;
  gboolean eos, stalled;
  gboolean joined;              /* takes part in the segment */
  gboolean warned;              /* about this segment */
  GstQueueArray *frames;        /* of HlsFrame */
  gsize bytes;
  gint64 position;              /* end of what has been taken from the queue, or skipped to */
  gint64 skipped;               /* nothing comes before this */
  gboolean in_era;              /* its head is on the timeline that is starting */
  guint n_taken;                /* in this segment */
} Stream;

typedef struct {
  gboolean started, ended;
  gboolean open, closed;        /* this segment */
  gint64 start;                 /* of the open segment */
  gint64 end;                   /* end of its last frame so far */
  gint64 arrival;
} Output;

struct _HlsCutter {
  GArray *outputs;              /* of Output */
  GPtrArray *streams;           /* of Stream */
  GstQueueArray *pending;       /* of HlsCut */

  gint64 length;
  gint64 grid;                  /* length, in whole frames of the reference */
  gint64 tolerance;             /* half a frame of the reference */
  guint target_duration;

  gboolean running, ended;
  guint64 number;
  gboolean discontinuity;       /* before this segment */
  gboolean next_discontinuity;
  gint64 start, target;         /* of the segment, once running */
  gint64 muxed;                 /* after the first moment of the last frame that is in for good */
  gint64 requested;             /* keyframes asked for up to here */

  guint reference;              /* stream index */
  guint scanned;                /* frames of its queue looked at */
  gboolean end_known;
  gint64 end;
  gboolean end_forced;          /* there is no keyframe at the end */
  gboolean end_jump;            /* the timeline ends there */
  gint64 end_arrival;

  /* waiting for a common keyframe */
  gint64 start_first;
  gint64 start_dropped_from;
  gboolean start_warned;
  gboolean live;
  gint64 latency;               /* of the encoders */
  gint64 start_from;            /* live: do not start before */
  gint64 era_start, era_cutoff; /* after a jump: where to; a frame past the latter is from before */
};

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

static Output *
get_output (HlsCutter *c, guint i)
{
  return &g_array_index (c->outputs, Output, i);
}

static Stream *
get_stream (HlsCutter *c, guint i)
{
  return g_ptr_array_index (c->streams, i);
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

static HlsFrame *
head (Stream *s)
{
  return gst_queue_array_peek_head_struct (s->frames);
}

static guint
queued (Stream *s)
{
  return gst_queue_array_get_length (s->frames);
}

static HlsCut *
emit (HlsCutter *c, HlsCutKind kind)
{
  HlsCut cut = {.kind = kind,.number = c->number,.discontinuity = c->discontinuity };

  gst_queue_array_push_tail_struct (c->pending, &cut);
  return gst_queue_array_peek_tail_struct (c->pending);
}

static void
warn_stream (HlsCutter *c, Stream *s, HlsCutWarning warning, gint64 pts)
{
  HlsCut *cut = emit (c, HLS_CUT_WARNING);

  cut->stream = s->index;
  cut->output = s->output;
  cut->warning = warning;
  cut->pts = pts;
}

static void
take (HlsCutter *c, Stream *s, HlsCutKind kind)
{
  HlsFrame frame = *(HlsFrame *) gst_queue_array_pop_head_struct (s->frames);
  HlsCut *cut = emit (c, kind);

  cut->stream = s->index;
  cut->output = s->output;
  cut->frame = frame;
  s->bytes -= frame.size;
  s->position = MAX (s->position, frame.dts + frame.duration);
  if (s->index == c->reference && c->scanned > 0)
    c->scanned--;
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

/* Nothing will come of it now. */
static gboolean
is_silent (Stream *s)
{
  return queued (s) == 0 && (s->eos || s->stalled);
}

static gboolean
is_over (Stream *s)
{
  return queued (s) == 0 && s->eos;
}

/* The longest a segment may be so that its EXTINF rounds to the target duration. */
static gint64
longest (HlsCutter *c)
{
  if (c->target_duration == 0)
    return 3 * c->length;
  return c->target_duration * SECOND + SECOND / 2 - MSECOND;
}

/* The first video that is alive; without one, the first audio. */
static Stream *
pick_reference (HlsCutter *c)
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
      c->target = MAX (c->target, c->start + longest (c) - AUDIO_SLACK - 2 * c->tolerance);
    c->target = MAX (c->target, c->muxed);
    c->reference = best->index;
    c->scanned = 0;
  }
  return best;
}

static gint64
half_frame (const HlsFrame *f)
{
  return CLAMP (f->duration / 2, MSECOND, 100 * MSECOND);
}

static void
request_keys (HlsCutter *c, gint64 newest)
{
  gint64 ahead = MAX (REQUEST_AHEAD, 2 * REQUEST_AHEAD_FRAMES * c->tolerance) + c->grid;

  if (c->requested == HLS_TIME_NONE || c->requested < c->target)
    c->requested = c->target - c->grid;
  while (c->requested + c->grid <= newest + ahead) {
    c->requested += c->grid;
    emit (c, HLS_CUT_KEY_REQUEST)->pts = c->requested - c->tolerance;
  }
}

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
  emit (c, HLS_CUT_KEY_REQUEST)->pts = HLS_TIME_NONE;
}

/* Looks through what the reference stream brought for the end of the segment. */
static void
find_end (HlsCutter *c)
{
  Stream *s = pick_reference (c);
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
    } else if (f->pts > c->start + longest (c) - AUDIO_SLACK) {
      /* too late, whatever it is */
      end_at (c, c->start + longest (c) - AUDIO_SLACK, f->arrival);
      c->end_forced = TRUE;
      warn_stream (c, s, HLS_CUT_NO_KEYFRAME, c->end);
    } else if (f->key && f->pts >= c->target - c->tolerance) {
      end_at (c, f->pts, f->arrival);
    } else if (f->reformat && f->pts > c->start + c->tolerance) {
      if (f->key && f->pts >= c->muxed)
        end_at (c, f->pts, f->arrival);
      else
        cut_early (c, f);
    } else if (f->pts + f->duration > c->start + longest (c) - AUDIO_SLACK && f->pts > c->start + c->tolerance) {
      end_at (c, f->pts, f->arrival);
      c->end_forced = TRUE;
      warn_stream (c, s, HLS_CUT_NO_KEYFRAME, f->pts);
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
    request_keys (c, ((HlsFrame *) gst_queue_array_peek_tail_struct (s->frames))->pts);
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

/* With nothing queued: a video may still lack its keyframe, so only its word counts. */
static gboolean
has_reached_end (HlsCutter *c, Stream *s)
{
  return c->end_known && (s->video ? s->skipped : s->position) >= c->end;
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
      take (c, s, HLS_CUT_DROP);
      continue;
    }
    if (f->pts + f->duration <= c->start && s->n_taken == 0) {
      warn_stream (c, s, HLS_CUT_LATE, f->pts);
      take (c, s, HLS_CUT_DROP);
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
      warn_stream (c, s, HLS_CUT_UNALIGNED, c->end);
    }
    return f->pts + f->duration > (o->open ? o->start : c->start) + longest (c)
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
  if (next == HLS_TIME_NONE || next <= o->start || next > o->start + longest (c)
      || c->end_jump)
    next = MAX (o->end, o->start + MSECOND);
  fix_target_duration (c, next - o->start);

  cut = emit (c, HLS_CUT_CLOSE);
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
        cut = emit (c, HLS_CUT_FIRST);
        cut->stream = i;
        cut->output = index;
        cut->frame = *head (s);
      }
    }
    cut = emit (c, HLS_CUT_OPEN);
    cut->output = index;
    cut->pts = o->start;
  }
  o->end = MAX (o->end, head (best)->pts + head (best)->duration);
  o->arrival = MAX (o->arrival, head (best)->arrival);
  c->muxed = MAX (c->muxed, head (best)->pts + 1);
  best->n_taken++;
  take (c, best, HLS_CUT_FRAME);
  return TRUE;
}

static gboolean
all_over (HlsCutter *c)
{
  for (guint i = 0; i < c->streams->len; i++)
    if (!is_over (get_stream (c, i)))
      return FALSE;
  return TRUE;
}

/* An output without streams left. */
static void
end_outputs (HlsCutter *c)
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
      emit (c, HLS_CUT_OUTPUT_END)->output = o;
  }
}

static void
end_all (HlsCutter *c)
{
  end_outputs (c);
  c->ended = TRUE;
  emit (c, HLS_CUT_END);
}

/* A stream that was away or is new comes in where it can be decoded from. */
static void
join_streams (HlsCutter *c)
{
  for (guint i = 0; i < c->streams->len; i++) {
    Stream *s = get_stream (c, i);
    HlsFrame *f = head (s);

    s->n_taken = 0;
    s->warned = FALSE;
    if (s->joined || !f)
      continue;
    if (f->pts >= c->start - (s->video ? half_frame (f) : 1000) && (f->key || !s->video)) {
      s->joined = TRUE;
      if (get_output (c, s->output)->started)
        c->next_discontinuity = TRUE;   /* the number of its tracks changes */
    }
  }
}

static void
begin_segment (HlsCutter *c, gint64 start)
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
      HlsCut *cut = emit (c, HLS_CUT_CLOSE);

      cut->output = i;
      cut->pts = c->start;
      cut->duration = CLAMP (c->end - c->start, MSECOND, longest (c));
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
  if (all_over (c)) {
    end_all (c);
    return;
  }
  end_outputs (c);
  for (guint i = 0; i < c->streams->len; i++) {
    HlsFrame *f = head (get_stream (c, i));

    c->next_discontinuity |= jump || (f && f->reformat);
  }
  if (!jump) {
    begin_segment (c, c->end);
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
  emit (c, HLS_CUT_KEY_REQUEST)->pts = HLS_TIME_NONE;
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

static gboolean
step_running (HlsCutter *c)
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
  if (!all_closed && (moved || !gst_queue_array_is_empty (c->pending) || c->end_known || pick_reference (c)))
    return moved || !gst_queue_array_is_empty (c->pending);
  for (guint o = 0; o < c->outputs->len; o++)
    if (!get_output (c, o)->closed)
      close_output (c, o);
  if (!c->end_known && !all_over (c)) {
    /* All silent, so no boundary was needed: what there is goes out. */
    c->end = HLS_TIME_NONE;
    for (guint o = 0; o < c->outputs->len; o++) {
      if (get_output (c, o)->open)
        c->end = MAX (c->end, get_output (c, o)->end);
      get_output (c, o)->closed = get_output (c, o)->open;
    }
    if (c->end == HLS_TIME_NONE)
      return start_again (c);
    c->next_discontinuity = TRUE;
  }
  next_segment (c);
  return TRUE;
}

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
        take (c, s, HLS_CUT_DROP);
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
        warn_stream (c, s, HLS_CUT_NO_KEYFRAME_AT_START, f->pts);
      }
    }
    take (c, s, HLS_CUT_DROP);
  }
  return FALSE;
}

/* Waits for every rendition to have one keyframe in common. */
static gboolean
step_starting (HlsCutter *c)
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
    if (c->streams->len > 0 && all_over (c))
      end_all (c);
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
          warn_stream (c, s, HLS_CUT_UNALIGNED_START, start);
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
      request_keys (c, start);
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
  begin_segment (c, start);
  c->target = start + segments * c->grid;
  c->era_start = HLS_TIME_NONE;
  pick_reference (c);
  request_keys (c, start);
  return TRUE;
}

gboolean
hls_cutter_next (HlsCutter *c, HlsCut *cut)
{
  HlsCut *next;

  while (gst_queue_array_is_empty (c->pending)) {
    if (c->ended || !(c->running ? step_running (c) : step_starting (c)))
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
