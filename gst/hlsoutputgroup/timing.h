/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the timestamps of one stream should be: fills in what is missing, mends
 * small steps back, tells a jump from a hole. Plain C; one thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define HLS_TIME_NONE G_MININT64

/* A step of more than this, either way, is another timeline (a discontinuity). */
#define HLS_JUMP (1000 * G_GINT64_CONSTANT (1000000))

/* One access unit on its way to a muxer. Times in ns of running time, signed
 * (DTS may lie before zero). */
typedef struct {
  gint64 pts, dts;
  gint64 duration;
  gint64 arrival;               /* g_get_monotonic_time() when it came in */
  gboolean key;                 /* random access point; audio: always */
  gboolean jump;                /* set by hls_timing_mend(): first of another timeline */
  gboolean reformat;            /* the stream's format changes with it */
  gpointer data;                /* the caller's */
  gsize size;                   /* bytes, for accounting */
} HlsFrame;

typedef enum {
  HLS_TIMING_OK = 0,
  HLS_TIMING_FILLED = 1 << 0,   /* a timestamp was missing: interpolated */
  HLS_TIMING_BACKWARD = 1 << 1, /* went back: mended */
  HLS_TIMING_DROP = 1 << 2,     /* not usable: nothing to interpolate from, or a repeat */
  HLS_TIMING_JUMP = 1 << 3,     /* frame->jump was set */
} HlsTimingFlags;

typedef struct {
  gboolean video;
  gint64 default_duration;      /* from caps, 0: not known */
  gint64 last_dts, last_pts, last_duration;
} HlsTiming;

void hls_timing_init (HlsTiming * timing, gboolean video);
/* In decoding order. */
HlsTimingFlags hls_timing_mend (HlsTiming * timing, HlsFrame * frame);
/* Upstream says that there is nothing up to @position. */
void hls_timing_skip (HlsTiming * timing, gint64 position);

G_END_DECLS
