/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where segments begin and end. One boundary for every rendition of the group:
 * the first keyframe of the reference video at or after the target; audio is cut
 * at the same time (RFC 8216bis 6.2.4: matching content in all variants).
 *
 * Plain C, no clock and no threads: frames in, a row of cuts out. What a stream
 * that says nothing means is the caller's to decide (hls_cutter_set_stalled).
 */
#pragma once

#include "timing.h"

G_BEGIN_DECLS

typedef struct _HlsCutter HlsCutter;

typedef enum {
  HLS_CUT_FIRST,                /* stream: the next segment of its output begins with `frame` (still the cutter's) */
  HLS_CUT_OPEN,                 /* output: a segment begins at `pts` */
  HLS_CUT_FRAME,                /* stream: `frame` belongs to the open segment of its output */
  HLS_CUT_DROP,                 /* stream: `frame` belongs to none */
  HLS_CUT_CLOSE,                /* output: the segment is complete (`gap`: nothing came for it) */
  HLS_CUT_KEY_REQUEST,          /* ask for a keyframe at `pts`, HLS_TIME_NONE: now */
  HLS_CUT_OUTPUT_END,           /* output: all its streams have ended */
  HLS_CUT_WARNING,              /* stream, `warning` */
  HLS_CUT_END,                  /* everything has ended */
} HlsCutKind;

typedef enum {
  HLS_CUT_NO_KEYFRAME,          /* none came in time: cut without one */
  HLS_CUT_NO_KEYFRAME_AT_START, /* none for three segment lengths */
  HLS_CUT_UNALIGNED,            /* no keyframe at the boundary: cut at its next */
  HLS_CUT_UNALIGNED_START,      /* the renditions have no keyframe in common */
  HLS_CUT_LATE,                 /* came after its segment had been closed */
} HlsCutWarning;

typedef struct {
  HlsCutKind kind;
  guint output, stream;
  HlsFrame frame;
  guint64 number;               /* of the segment: the same for all outputs */
  gint64 pts;                   /* OPEN, CLOSE: its first frame's */
  gint64 duration;              /* CLOSE */
  gint64 arrival;               /* CLOSE: when the frame came in that closed it */
  gboolean discontinuity;       /* OPEN, CLOSE */
  gboolean gap;                 /* CLOSE */
  HlsCutWarning warning;
} HlsCut;

/* @segment_length: ns. @first_number: of the first segment. */
HlsCutter *hls_cutter_new (gint64 segment_length, guint64 first_number);
/* @drop_frame is called for the data of each frame still queued. */
void hls_cutter_free (HlsCutter * cutter, GDestroyNotify drop_frame);

guint hls_cutter_add_output (HlsCutter * cutter);
/* At any time; one that comes while the group runs joins at the next boundary. */
guint hls_cutter_add_stream (HlsCutter * cutter, guint output, gboolean video);

/* Takes frame->data. Times are mended already. */
void hls_cutter_push (HlsCutter * cutter, guint stream, const HlsFrame * frame);
/* Nothing comes on @stream before @position (a GAP event). */
void hls_cutter_skip (HlsCutter * cutter, guint stream, gint64 position);
void hls_cutter_eos (HlsCutter * cutter, guint stream);
/* TRUE: the others need not wait for it. The next push ends that. */
void hls_cutter_set_stalled (HlsCutter * cutter, guint stream, gboolean stalled);

/* The next cut; FALSE: more input is needed. */
gboolean hls_cutter_next (HlsCutter * cutter, HlsCut * cut);

/* After hls_cutter_next() returned FALSE: must @stream say something before anything goes on? */
gboolean hls_cutter_awaits (HlsCutter * cutter, guint stream);
/* A boundary is known and some streams have not reached it: every frame counts now. */
gboolean hls_cutter_is_closing (HlsCutter * cutter);
/* The reference stream's next keyframe from here on is a boundary. HLS_TIME_NONE before the start. */
gint64 hls_cutter_get_target (HlsCutter * cutter);
/* How far the encoders look ahead, ns: so long after a keyframe was asked for it can
 * come. Where that is more than a segment, a live group begins only where its boundaries
 * are obeyed; otherwise nothing may be lost, and the first segment is longer. */
void hls_cutter_set_latency (HlsCutter * cutter, gboolean live, gint64 latency);
/* Queued media of @stream, ns and bytes. */
gint64 hls_cutter_get_backlog (HlsCutter * cutter, guint stream, gsize * bytes);
/* Seconds, for EXT-X-TARGETDURATION: fixed once the first boundary is known; 0 before. */
guint hls_cutter_get_target_duration (HlsCutter * cutter);

G_END_DECLS
