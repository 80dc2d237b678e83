/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams as lists of frames, and what the cutter makes of them.
 */
#include <gst/check/gstcheck.h>
#include "cutter.h"

#define MS G_GINT64_CONSTANT (1000000)
#define SEC (1000 * MS)
#define MAX_STREAMS 8
#define MAX_OUTPUTS 8

typedef struct {
  guint64 number;
  gint64 pts, duration;
  gboolean gap, discontinuity;
  guint frames;
  gint64 first[MAX_STREAMS], last[MAX_STREAMS]; /* pts per stream */
  gboolean key[MAX_STREAMS];    /* the first one is a keyframe */
} Segment;

typedef struct {
  HlsCutter *cutter;
  GArray *segments[MAX_OUTPUTS];        /* of Segment, closed */
  Segment open[MAX_OUTPUTS];
  gboolean is_open[MAX_OUTPUTS];
  guint pushed, framed, dropped;
  guint warnings[HLS_CUT_LATE + 1];
  GArray *requests;             /* of gint64 */
  guint ended;
  gboolean end;
} World;

static void
world_init (World *w, gint64 length)
{
  memset (w, 0, sizeof *w);
  w->cutter = hls_cutter_new (length, 1);
  for (guint i = 0; i < MAX_OUTPUTS; i++)
    w->segments[i] = g_array_new (FALSE, TRUE, sizeof (Segment));
  w->requests = g_array_new (FALSE, FALSE, sizeof (gint64));
}

static void
count_left (gpointer data)
{
}

static void
world_clear (World *w)
{
  hls_cutter_free (w->cutter, count_left);
  for (guint i = 0; i < MAX_OUTPUTS; i++)
    g_array_unref (w->segments[i]);
  g_array_unref (w->requests);
}

static Segment *
segment (World *w, guint output, guint i)
{
  fail_unless (i < w->segments[output]->len, "output %u has %u segments", output, w->segments[output]->len);
  return &g_array_index (w->segments[output], Segment, i);
}

/* Takes all cuts, and checks what must always hold. */
static void
run (World *w)
{
  HlsCut cut;

  while (hls_cutter_next (w->cutter, &cut)) {
    Segment *s = &w->open[cut.output];

    fail_if (w->end, "a cut after the end");
    switch (cut.kind) {
      case HLS_CUT_FIRST:
        break;
      case HLS_CUT_OPEN:
        fail_if (w->is_open[cut.output]);
        w->is_open[cut.output] = TRUE;
        memset (s, 0, sizeof *s);
        s->number = cut.number;
        s->pts = cut.pts;
        for (guint i = 0; i < MAX_STREAMS; i++)
          s->first[i] = s->last[i] = HLS_TIME_NONE;
        break;
      case HLS_CUT_FRAME:
        fail_unless (w->is_open[cut.output], "a frame outside a segment");
        w->framed++;
        s->frames++;
        if (s->first[cut.stream] == HLS_TIME_NONE) {
          s->first[cut.stream] = cut.frame.pts;
          s->key[cut.stream] = cut.frame.key;
        }
        s->last[cut.stream] = MAX (s->last[cut.stream], cut.frame.pts);
        break;
      case HLS_CUT_DROP:
        w->dropped++;
        break;
      case HLS_CUT_CLOSE:{
        guint n = w->segments[cut.output]->len;

        fail_unless_equals_int (w->is_open[cut.output], !cut.gap);
        if (cut.gap)
          memset (s, 0, sizeof *s);
        w->is_open[cut.output] = FALSE;
        s->number = cut.number;
        s->pts = cut.pts;
        s->duration = cut.duration;
        s->gap = cut.gap;
        s->discontinuity = cut.discontinuity;
        fail_unless (cut.duration > 0);
        if (n > 0)
          fail_unless_equals_uint64 (s->number, segment (w, cut.output, n - 1)->number + 1);
        fail_unless (hls_cutter_get_target_duration (w->cutter) > 0);
        fail_unless (cut.duration < hls_cutter_get_target_duration (w->cutter) * SEC + SEC / 2,
            "%" G_GINT64_FORMAT " ms is too long", cut.duration / MS);
        if (g_getenv ("CUTTER_TRACE"))
          g_printerr ("output %u: %" G_GUINT64_FORMAT " at %" G_GINT64_FORMAT " ms, %" G_GINT64_FORMAT " ms, %u frames%s%s\n",
              cut.output, s->number, s->pts / MS, s->duration / MS, s->frames, s->gap ? " gap" : "",
              s->discontinuity ? " discontinuity" : "");
        g_array_append_val (w->segments[cut.output], *s);
        break;
      }
      case HLS_CUT_KEY_REQUEST:
        g_array_append_val (w->requests, cut.pts);
        break;
      case HLS_CUT_OUTPUT_END:
        w->ended++;
        break;
      case HLS_CUT_WARNING:
        w->warnings[cut.warning]++;
        break;
      case HLS_CUT_END:
        w->end = TRUE;
        break;
    }
  }
}

static void
push (World *w, guint stream, gint64 pts, gint64 dts, gint64 duration, gboolean key, gboolean jump)
{
  HlsFrame f = {.pts = pts,.dts = dts,.duration = duration,.key = key,.jump = jump,.size = 100 };

  hls_cutter_push (w->cutter, stream, &f);
  w->pushed++;
}

/* 25 fps in decoding order with two B-frames, a keyframe every @gop (a multiple of 3). */
static void
push_video (World *w, guint stream, guint from, guint to, guint gop, gint64 base)
{
  for (guint i = from; i < to; i++) {
    guint in_gop = i % gop;
    guint shown = in_gop == 0 ? i : in_gop % 3 == 1 ? i + 2 : i - 1;

    if (in_gop != 0 && shown / gop != i / gop)
      shown = i;
    push (w, stream, base + shown * 40 * MS, base + (gint64) i * 40 * MS - 80 * MS, 40 * MS, in_gop == 0, FALSE);
  }
}

/* 48 kHz AAC */
static void
push_audio (World *w, guint stream, guint from, guint to, gint64 base)
{
  for (guint i = from; i < to; i++) {
    gint64 t = base + gst_util_uint64_scale (i, 1024 * GST_SECOND, 48000);

    push (w, stream, t, t, 1024 * SEC / 48000, TRUE, FALSE);
  }
}

static void
finish (World *w, guint n_streams)
{
  for (guint i = 0; i < n_streams; i++)
    hls_cutter_eos (w->cutter, i);
  run (w);
  fail_unless (w->end);
  fail_unless_equals_int (w->framed + w->dropped, w->pushed);
}

GST_START_TEST (test_ladder_is_aligned)
{
  World w;

  world_init (&w, 2 * SEC);
  for (guint o = 0; o < 3; o++) {
    fail_unless_equals_int (hls_cutter_add_output (w.cutter), o);
    hls_cutter_add_stream (w.cutter, o, TRUE);
    hls_cutter_add_stream (w.cutter, o, FALSE);
  }
  for (guint t = 0; t < 20; t++) {
    for (guint o = 0; o < 3; o++) {
      push_audio (&w, 2 * o + 1, t * 48, (t + 1) * 48, 0);
      push_video (&w, 2 * o, t * 25, (t + 1) * 25, 51, 0);
      run (&w);
    }
  }
  finish (&w, 6);
  for (guint o = 0; o < 3; o++) {
    fail_unless_equals_int (w.segments[o]->len, 10);
    for (guint i = 0; i < 10; i++) {
      Segment *s = segment (&w, o, i);

      fail_unless_equals_uint64 (s->number, i + 1);
      fail_unless_equals_int64 (s->pts, i * 2040 * MS);
      fail_unless (s->key[2 * o]);
      fail_if (s->gap || s->discontinuity);
      if (i < 9)
        fail_unless_equals_int64 (s->duration, 2040 * MS);
      /* audio: from the first frame at or after the boundary */
      fail_unless (s->first[2 * o + 1] >= s->pts && s->first[2 * o + 1] < s->pts + 1024 * SEC / 48000);
    }
  }
  fail_unless_equals_int (w.dropped, 0);
  fail_unless_equals_int (w.warnings[HLS_CUT_UNALIGNED], 0);
  fail_unless_equals_int (w.ended, 3);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_boundary_is_first_keyframe_at_or_after_target)
{
  World w;

  world_init (&w, 5 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  push_video (&w, 0, 0, 48 * 16, 48, 0);        /* a keyframe every 1.92 s, none at 5 s */
  finish (&w, 1);
  fail_unless_equals_int64 (segment (&w, 0, 0)->duration, 5760 * MS);
  fail_unless_equals_int64 (segment (&w, 0, 1)->duration, 5760 * MS);
  fail_unless_equals_int (hls_cutter_get_target_duration (w.cutter), 6);
  fail_unless_equals_int (w.warnings[HLS_CUT_NO_KEYFRAME], 0);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_keyframes_are_asked_for_ahead)
{
  World w;
  gint64 last = 0;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  for (guint i = 0; i < 500; i++) {
    /* an encoder that does as it is told */
    gint64 t = i * 40 * MS;
    gboolean key = i == 0;

    for (guint r = 0; r < w.requests->len; r++) {
      gint64 wanted = g_array_index (w.requests, gint64, r);

      key |= wanted <= t && wanted > t - 40 * MS;
    }
    push (&w, 0, t, t, 40 * MS, key, FALSE);
    run (&w);
  }
  finish (&w, 1);
  fail_unless_equals_int (w.segments[0]->len, 10);
  for (guint i = 0; i < 10; i++)
    fail_unless_equals_int64 (segment (&w, 0, i)->duration, 2 * SEC);
  for (guint r = 0; r < w.requests->len; r++) {
    fail_unless (g_array_index (w.requests, gint64, r) > last, "asked twice");
    last = g_array_index (w.requests, gint64, r);
  }
  /* beyond any encoder's look-ahead */
  fail_unless (last > 499 * 40 * MS + 4 * SEC - 20 * MS);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_no_keyframe_cuts_at_last_frame_that_fits)
{
  World w;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  hls_cutter_add_stream (w.cutter, 0, FALSE);
  for (guint i = 0; i < 250; i++)
    push (&w, 0, i * 40 * MS, i * 40 * MS, 40 * MS, i == 0 || i == 50, FALSE);
  push_audio (&w, 1, 0, 470, 0);
  run (&w);
  fail_unless (w.warnings[HLS_CUT_NO_KEYFRAME] >= 1);
  finish (&w, 2);
  fail_unless_equals_int (hls_cutter_get_target_duration (w.cutter), 2);
  fail_unless_equals_int64 (segment (&w, 0, 0)->duration, 2 * SEC);
  /* the longest that still rounds to 2, with the audio */
  fail_unless_equals_int64 (segment (&w, 0, 1)->duration, 2360 * MS);
  fail_unless_equals_int (w.dropped, 0);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_rendition_without_the_keyframe_is_cut_at_its_next)
{
  World w;

  world_init (&w, 2 * SEC);
  for (guint o = 0; o < 2; o++) {
    hls_cutter_add_output (w.cutter);
    hls_cutter_add_stream (w.cutter, o, TRUE);
  }
  for (guint i = 0; i < 250; i++) {
    push (&w, 0, i * 40 * MS, i * 40 * MS, 40 * MS, i % 50 == 0, FALSE);
    push (&w, 1, i * 40 * MS, i * 40 * MS, 40 * MS, i % 50 == 0 ? i != 100 : i == 105, FALSE);
    run (&w);
  }
  finish (&w, 2);
  fail_unless_equals_int (w.warnings[HLS_CUT_UNALIGNED], 1);
  fail_unless_equals_int64 (segment (&w, 0, 1)->duration, 2000 * MS);
  fail_unless_equals_int64 (segment (&w, 1, 1)->duration, 2200 * MS);
  fail_unless (segment (&w, 1, 2)->key[1]);
  fail_unless_equals_int64 (segment (&w, 1, 2)->duration, 1800 * MS);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_start_waits_for_a_common_keyframe)
{
  World w;

  world_init (&w, 2 * SEC);
  for (guint o = 0; o < 2; o++) {
    hls_cutter_add_output (w.cutter);
    hls_cutter_add_stream (w.cutter, o, TRUE);
  }
  hls_cutter_add_stream (w.cutter, 0, FALSE);
  for (guint i = 0; i < 150; i++) {
    push (&w, 0, i * 40 * MS, i * 40 * MS, 40 * MS, i % 25 == 0, FALSE);
    if (i >= 10)
      push (&w, 1, i * 40 * MS, i * 40 * MS, 40 * MS, i % 25 == 0, FALSE);
  }
  push_audio (&w, 2, 0, 280, 0);
  run (&w);
  finish (&w, 3);
  fail_unless_equals_int64 (segment (&w, 0, 0)->pts, 1000 * MS);
  fail_unless_equals_int64 (segment (&w, 1, 0)->pts, 1000 * MS);
  fail_unless (segment (&w, 0, 0)->first[2] >= 1000 * MS);
  fail_if (segment (&w, 0, 0)->discontinuity);
  world_clear (&w);
}
GST_END_TEST;

static void
jump (gint64 to)
{
  World w;
  guint n;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  hls_cutter_add_stream (w.cutter, 0, FALSE);
  /* audio is two seconds ahead of the video, as behind an encoder */
  for (guint i = 0; i < 500; i++) {
    if (i < 300) {
      gint64 t = i < 150 ? i * 40 * MS : to + (i - 150) * 40 * MS;

      push (&w, 1, t, t, 40 * MS, TRUE, i == 150);
    }
    if (i >= 50 && i < 350) {
      guint v = i - 50;
      gint64 t = v < 150 ? v * 40 * MS : to + (v - 150) * 40 * MS;

      push (&w, 0, t, t, 40 * MS, v % 50 == 0, v == 150);
    }
    run (&w);
  }
  finish (&w, 2);
  n = w.segments[0]->len;
  fail_unless_equals_int (n, 6);
  for (guint i = 0; i < n; i++) {
    Segment *s = segment (&w, 0, i);

    fail_unless_equals_int (s->discontinuity, i == 3);
    fail_unless_equals_int64 (s->duration, 2 * SEC);
    fail_unless_equals_int64 (s->pts, i < 3 ? i * 2 * SEC : to + (i - 3) * 2 * SEC);
    fail_unless_equals_int64 (s->first[1], s->pts);
    fail_unless_equals_int64 (s->last[1], s->pts + 1960 * MS);
  }
  fail_unless_equals_int (w.dropped, 0);
  world_clear (&w);
}

GST_START_TEST (test_jump_forward_is_a_discontinuity)
{
  jump (100 * SEC);
}
GST_END_TEST;

GST_START_TEST (test_jump_back_is_a_discontinuity)
{
  jump (1 * SEC);
}
GST_END_TEST;

GST_START_TEST (test_late_stream_joins_at_a_boundary)
{
  World w;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  hls_cutter_add_stream (w.cutter, 0, FALSE);
  hls_cutter_set_stalled (w.cutter, 1, TRUE);
  for (guint i = 0; i < 250; i++) {
    push (&w, 0, i * 40 * MS, i * 40 * MS, 40 * MS, i % 50 == 0, FALSE);
    if (i >= 70)
      push (&w, 1, i * 40 * MS, i * 40 * MS, 40 * MS, TRUE, FALSE);
    run (&w);
  }
  finish (&w, 2);
  fail_unless_equals_int (w.segments[0]->len, 5);
  fail_unless_equals_int64 (segment (&w, 0, 1)->first[1], HLS_TIME_NONE);
  fail_unless_equals_int64 (segment (&w, 0, 2)->first[1], 4 * SEC);
  /* the number of its tracks changes */
  fail_unless (segment (&w, 0, 2)->discontinuity);
  fail_if (segment (&w, 0, 3)->discontinuity);
  fail_unless_equals_int (w.dropped, 30);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_silent_output_lists_gaps)
{
  World w;

  world_init (&w, 2 * SEC);
  for (guint o = 0; o < 2; o++) {
    hls_cutter_add_output (w.cutter);
    hls_cutter_add_stream (w.cutter, o, TRUE);
  }
  for (guint i = 0; i < 400; i++) {
    push (&w, 0, i * 40 * MS, i * 40 * MS, 40 * MS, i % 50 == 0, FALSE);
    if (i < 100 || i >= 220)
      push (&w, 1, i * 40 * MS, i * 40 * MS, 40 * MS, i % 50 == 0, i == 220);
    else
      hls_cutter_set_stalled (w.cutter, 1, TRUE);
    run (&w);
  }
  finish (&w, 2);
  fail_unless_equals_int (w.segments[1]->len, 8);
  fail_if (segment (&w, 1, 1)->gap);
  fail_unless (segment (&w, 1, 2)->gap && segment (&w, 1, 3)->gap);
  fail_if (segment (&w, 1, 6)->gap);
  fail_unless (segment (&w, 1, 6)->key[1]);
  for (guint i = 0; i < 8; i++)
    fail_if (segment (&w, 0, i)->gap);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_stream_that_ends_early)
{
  World w;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 1, FALSE);
  for (guint i = 0; i < 250; i++) {
    push (&w, 0, i * 40 * MS, i * 40 * MS, 40 * MS, i % 50 == 0, FALSE);
    if (i < 70)
      push (&w, 1, i * 40 * MS, i * 40 * MS, 40 * MS, TRUE, FALSE);
    if (i == 70)
      hls_cutter_eos (w.cutter, 1);
    run (&w);
  }
  fail_unless_equals_int (w.ended, 1);
  finish (&w, 2);
  fail_unless_equals_int (w.segments[0]->len, 5);
  fail_unless_equals_int (w.segments[1]->len, 2);
  fail_unless_equals_int64 (segment (&w, 1, 1)->duration, 800 * MS);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_audio_only)
{
  World w;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, FALSE);
  push_audio (&w, 0, 0, 1000, 0);
  finish (&w, 1);
  fail_unless_equals_int (w.segments[0]->len, 11);
  fail_unless (segment (&w, 0, 5)->duration > 1950 * MS && segment (&w, 0, 5)->duration < 2050 * MS);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_end_before_data)
{
  World w;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  hls_cutter_add_stream (w.cutter, 0, FALSE);
  finish (&w, 2);
  fail_unless_equals_int (w.segments[0]->len, 0);
  fail_unless_equals_int (w.ended, 0);
  world_clear (&w);
}
GST_END_TEST;

GST_START_TEST (test_reformat_is_a_boundary)
{
  World w;

  world_init (&w, 2 * SEC);
  hls_cutter_add_output (w.cutter);
  hls_cutter_add_stream (w.cutter, 0, TRUE);
  for (guint i = 0; i < 200; i++) {
    HlsFrame f = {.pts = i * 40 * MS,.dts = i * 40 * MS,.duration = 40 * MS,.key = i % 25 == 0 };

    f.reformat = i == 75;
    hls_cutter_push (w.cutter, 0, &f);
    w.pushed++;
    run (&w);
  }
  finish (&w, 1);
  fail_unless_equals_int64 (segment (&w, 0, 1)->duration, 1 * SEC);
  for (guint i = 0; i < w.segments[0]->len; i++)
    fail_unless_equals_int (segment (&w, 0, i)->discontinuity, i == 2);
  world_clear (&w);
}
GST_END_TEST;

/* Whatever comes: nothing is lost or doubled, numbers stay in step (checked in run()). */
GST_START_TEST (test_random_streams)
{
  for (guint seed = 0; seed < 150; seed++) {
    GRand *r = g_rand_new_with_seed (seed);
    guint n_outputs = g_rand_int_range (r, 1, 4);
    guint n = 0, most = 0;
    gint64 at[MAX_STREAMS] = { 0, };
    gboolean video[MAX_STREAMS], over[MAX_STREAMS] = { 0, };
    World w;

    world_init (&w, g_rand_int_range (r, 1, 4) * SEC);
    for (guint o = 0; o < n_outputs; o++) {
      guint kinds = g_rand_int_range (r, 1, 4);

      hls_cutter_add_output (w.cutter);
      for (guint k = 0; k < 2; k++) {
        if (!(kinds & (1 << k)))
          continue;
        video[n] = k == 0;
        hls_cutter_add_stream (w.cutter, o, video[n]);
        n++;
      }
    }
    for (guint i = 0; i < 3000; i++) {
      guint s = g_rand_int_range (r, 0, n);
      gboolean jumps = g_rand_int_range (r, 0, 700) == 0;

      if (over[s])
        continue;
      if (g_rand_int_range (r, 0, 2000) == 0) {
        over[s] = TRUE;
        hls_cutter_eos (w.cutter, s);
      } else if (g_rand_int_range (r, 0, 200) == 0) {
        hls_cutter_set_stalled (w.cutter, s, TRUE);
      } else if (g_rand_int_range (r, 0, 300) == 0) {
        hls_cutter_skip (w.cutter, s, at[s] + 900 * MS);
      } else {
        HlsFrame f = {.duration = 40 * MS,.jump = jumps,.size = 1 };

        if (jumps)
          at[s] += g_rand_int_range (r, -20000, 20000) * MS;
        f.pts = f.dts = at[s];
        f.key = !video[s] || g_rand_int_range (r, 0, 40) == 0;
        f.reformat = g_rand_int_range (r, 0, 500) == 0;
        at[s] += 40 * MS;
        hls_cutter_push (w.cutter, s, &f);
        w.pushed++;
      }
      run (&w);
    }
    finish (&w, n);
    for (guint o = 0; o < n_outputs; o++)
      most = MAX (most, w.segments[o]->len);
    fail_unless (most > 0, "seed %u: nothing came out", seed);
    world_clear (&w);
    g_rand_free (r);
  }
}
GST_END_TEST;

static Suite *
cutter_suite (void)
{
  Suite *s = suite_create ("cutter");
  TCase *c = tcase_create ("general");

  suite_add_tcase (s, c);
  tcase_add_test (c, test_ladder_is_aligned);
  tcase_add_test (c, test_boundary_is_first_keyframe_at_or_after_target);
  tcase_add_test (c, test_keyframes_are_asked_for_ahead);
  tcase_add_test (c, test_no_keyframe_cuts_at_last_frame_that_fits);
  tcase_add_test (c, test_rendition_without_the_keyframe_is_cut_at_its_next);
  tcase_add_test (c, test_start_waits_for_a_common_keyframe);
  tcase_add_test (c, test_jump_forward_is_a_discontinuity);
  tcase_add_test (c, test_jump_back_is_a_discontinuity);
  tcase_add_test (c, test_late_stream_joins_at_a_boundary);
  tcase_add_test (c, test_silent_output_lists_gaps);
  tcase_add_test (c, test_stream_that_ends_early);
  tcase_add_test (c, test_audio_only);
  tcase_add_test (c, test_end_before_data);
  tcase_add_test (c, test_reformat_is_a_boundary);
  tcase_add_test (c, test_random_streams);
  return s;
}

GST_CHECK_MAIN (cutter);
