/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstcheck.h>
#include "timing.h"

#define MS G_GINT64_CONSTANT (1000000)

static HlsFrame
frame (gint64 pts, gint64 dts, gint64 duration)
{
  return (HlsFrame) {
    .pts = pts,.dts = dts,.duration = duration
  };
}

GST_START_TEST (test_regular_frames_pass)
{
  HlsTiming t;

  hls_timing_init (&t, TRUE);
  for (gint i = 0; i < 100; i++) {
    HlsFrame f = frame ((i + 2) * 40 * MS, i * 40 * MS, 40 * MS);

    fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_OK);
    fail_unless_equals_int64 (f.pts, (i + 2) * 40 * MS);
    fail_unless_equals_int64 (f.dts, i * 40 * MS);
    fail_if (f.jump);
  }
}
GST_END_TEST;

GST_START_TEST (test_missing_timestamps_are_interpolated)
{
  HlsTiming t;
  HlsFrame f = frame (HLS_TIME_NONE, HLS_TIME_NONE, 0);

  hls_timing_init (&t, FALSE);
  t.default_duration = 20 * MS;
  fail_unless (hls_timing_mend (&t, &f) & HLS_TIMING_DROP);
  f = frame (100 * MS, HLS_TIME_NONE, 0);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_OK);
  fail_unless_equals_int64 (f.dts, 100 * MS);
  fail_unless_equals_int64 (f.duration, 20 * MS);
  f = frame (HLS_TIME_NONE, HLS_TIME_NONE, 0);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_FILLED);
  fail_unless_equals_int64 (f.pts, 120 * MS);
}
GST_END_TEST;

GST_START_TEST (test_steps_back)
{
  HlsTiming t;
  HlsFrame f = frame (1000 * MS, HLS_TIME_NONE, 20 * MS);

  hls_timing_init (&t, FALSE);
  hls_timing_mend (&t, &f);
  /* audio of before is not played again */
  f = frame (980 * MS, HLS_TIME_NONE, 20 * MS);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_BACKWARD | HLS_TIMING_DROP);

  hls_timing_init (&t, TRUE);
  f = frame (1000 * MS, 1000 * MS, 40 * MS);
  hls_timing_mend (&t, &f);
  f = frame (900 * MS, 900 * MS, 40 * MS);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_BACKWARD);
  fail_unless (f.dts > 1000 * MS && f.pts >= f.dts);
  fail_if (f.jump);
}
GST_END_TEST;

GST_START_TEST (test_jumps)
{
  HlsTiming t;
  HlsFrame f = frame (0, 0, 40 * MS);

  hls_timing_init (&t, TRUE);
  hls_timing_mend (&t, &f);
  f = frame (5000 * MS, 5000 * MS, 40 * MS);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_JUMP);
  fail_unless (f.jump);
  f = frame (100 * MS, 100 * MS, 40 * MS);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_JUMP);
  /* a hole that was announced is none */
  hls_timing_skip (&t, 9000 * MS);
  f = frame (9000 * MS, 9000 * MS, 40 * MS);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_OK);
  /* nor is a hole of less than a second */
  f = frame (9900 * MS, 9900 * MS, 40 * MS);
  fail_unless_equals_int (hls_timing_mend (&t, &f), HLS_TIMING_OK);
}
GST_END_TEST;

static Suite *
timing_suite (void)
{
  Suite *s = suite_create ("timing");
  TCase *c = tcase_create ("general");

  suite_add_tcase (s, c);
  tcase_add_test (c, test_regular_frames_pass);
  tcase_add_test (c, test_missing_timestamps_are_interpolated);
  tcase_add_test (c, test_steps_back);
  tcase_add_test (c, test_jumps);
  return s;
}

GST_CHECK_MAIN (timing);
