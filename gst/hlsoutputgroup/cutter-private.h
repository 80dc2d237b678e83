/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the cutter's files share: cutter.c holds the streams, cutter-start.c finds
 * where a timeline begins, cutter-run.c where its segments end.
 */
#pragma once

#include "cutter.h"

#include <gst/base/gstqueuearray.h>

G_BEGIN_DECLS

#define MSECOND G_GINT64_CONSTANT (1000000)
#define SECOND (1000 * MSECOND)

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

static inline Output *
get_output (HlsCutter *c, guint i)
{
  return &g_array_index (c->outputs, Output, i);
}

static inline Stream *
get_stream (HlsCutter *c, guint i)
{
  return g_ptr_array_index (c->streams, i);
}

static inline HlsFrame *
head (Stream *s)
{
  return gst_queue_array_peek_head_struct (s->frames);
}

static inline guint
queued (Stream *s)
{
  return gst_queue_array_get_length (s->frames);
}

/* Nothing will come of it now. */
static inline gboolean
is_silent (Stream *s)
{
  return queued (s) == 0 && (s->eos || s->stalled);
}

static inline gboolean
is_over (Stream *s)
{
  return queued (s) == 0 && s->eos;
}

static inline gint64
half_frame (const HlsFrame *f)
{
  return CLAMP (f->duration / 2, MSECOND, 100 * MSECOND);
}

/* With nothing queued: a video may still lack its keyframe, so only its word counts. */
static inline gboolean
has_reached_end (HlsCutter *c, Stream *s)
{
  return c->end_known && (s->video ? s->skipped : s->position) >= c->end;
}

/* The cut is the caller's to fill in until the next one is emitted. */
HlsCut *hls_cutter_emit (HlsCutter * c, HlsCutKind kind);
void hls_cutter_warn (HlsCutter * c, Stream * s, HlsCutWarning warning, gint64 pts);
/* Moves the stream's head to the row of cuts. */
void hls_cutter_take (HlsCutter * c, Stream * s, HlsCutKind kind);

/* The longest a segment may be so that its EXTINF rounds to the target duration. */
gint64 hls_cutter_longest (HlsCutter * c);
/* The first video that is alive; without one, the first audio; NULL. */
Stream *hls_cutter_pick_reference (HlsCutter * c);
/* Asks for keyframes at the boundaries to come; @newest: the last PTS seen. */
void hls_cutter_request_keys (HlsCutter * c, gint64 newest);

gboolean hls_cutter_is_over (HlsCutter * c);
/* Outputs without streams left end; hls_cutter_end(): all of them, and the group. */
void hls_cutter_end_outputs (HlsCutter * c);
void hls_cutter_end (HlsCutter * c);
void hls_cutter_begin_segment (HlsCutter * c, gint64 start);

/* One step of either phase. FALSE: nothing can be said without more input. */
gboolean hls_cutter_start (HlsCutter * c);
gboolean hls_cutter_run (HlsCutter * c);

G_END_DECLS
