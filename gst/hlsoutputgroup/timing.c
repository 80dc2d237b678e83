/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "timing.h"

/* The next moment that a transport stream can tell from the one before: 1/90000 s. */
#define TICK 11112

/* Where neither caps nor neighbours tell: 25 per second. */
#define FALLBACK_DURATION (40 * G_GINT64_CONSTANT (1000000))

void
hls_timing_init (HlsTiming *timing, gboolean video)
{
  *timing = (HlsTiming) {
    .video = video,
    .last_dts = HLS_TIME_NONE,
    .last_pts = HLS_TIME_NONE,
  };
}

static gint64
expected_duration (const HlsTiming *timing)
{
  if (timing->default_duration > 0)
    return timing->default_duration;
  return timing->last_duration > 0 ? timing->last_duration : FALLBACK_DURATION;
}

HlsTimingFlags
hls_timing_mend (HlsTiming *timing, HlsFrame *frame)
{
  HlsTimingFlags flags = HLS_TIMING_OK;
  gboolean first = timing->last_dts == HLS_TIME_NONE;
  gint64 next = first ? 0 : timing->last_dts + expected_duration (timing);

  frame->jump = FALSE;
  if (frame->pts == HLS_TIME_NONE && frame->dts == HLS_TIME_NONE) {
    if (first)
      return HLS_TIMING_DROP;
    frame->dts = next;
    flags |= HLS_TIMING_FILLED;
  }
  if (frame->pts == HLS_TIME_NONE) {
    /* Right for streams without reordering, the only ones whose encoder can leave it out. */
    frame->pts = frame->dts;
    flags |= HLS_TIMING_FILLED;
  }
  if (frame->dts == HLS_TIME_NONE) {
    /* Not a fault: audio, and video without reordering, need none. A reordered
     * frame is decoded when its turn comes, never after it is shown. */
    frame->dts = frame->pts;
    if (timing->video && !first && ABS (frame->pts - next) < HLS_JUMP)
      frame->dts = MIN (frame->pts, next);
  }

  if (!first) {
    gint64 step = frame->dts - next;

    if (step > HLS_JUMP || step < -HLS_JUMP) {
      frame->jump = TRUE;
      flags |= HLS_TIMING_JUMP;
    } else if (frame->dts <= timing->last_dts) {
      flags |= HLS_TIMING_BACKWARD;
      if (!timing->video)
        return flags | HLS_TIMING_DROP;
      frame->dts = timing->last_dts + TICK;
    }
  }
  if (frame->pts < frame->dts) {
    if (timing->video && frame->dts - frame->pts > HLS_JUMP)
      flags |= HLS_TIMING_BACKWARD;
    frame->pts = frame->dts;
  }
  if (frame->duration <= 0) {
    frame->duration = expected_duration (timing);
    if (timing->default_duration <= 0 && !first && !frame->jump && frame->dts > timing->last_dts)
      frame->duration = frame->dts - timing->last_dts;
  }

  timing->last_dts = frame->dts;
  timing->last_pts = frame->pts;
  timing->last_duration = frame->duration;
  return flags;
}

void
hls_timing_skip (HlsTiming *timing, gint64 position)
{
  if (timing->last_dts == HLS_TIME_NONE || position > timing->last_dts + expected_duration (timing)) {
    gint64 duration = expected_duration (timing);

    /* A gap that is announced is a hole, not a jump. */
    if (timing->last_dts != HLS_TIME_NONE) {
      timing->last_dts = position - duration;
      timing->last_pts = timing->last_dts;
    }
  }
}
