/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The segmenter: who waits for whom, and how it goes on when a stream falls silent, is
 * released, or everything stops.
 */
#include "segmenter-harness.h"

#define S GST_SECOND

#define FAR (30 * S)

static gpointer
push_far (gpointer data)
{
  Input *in = data;
  GstFlowReturn flow = GST_FLOW_OK;

  while (flow == GST_FLOW_OK && in->next < FAR / FRAME)
    flow = input_push (in);
  return GINT_TO_POINTER (flow);
}

/* A stream that is not live has run ahead of one of which nothing came yet. */
static GThread *
hold_back (Segmenter *s, Input *ahead)
{
  GThread *thread;

  segmenter_play (s);
  thread = g_thread_new ("ahead", push_far, ahead);
  wait_until (input_is_held (ahead));
  fail_unless (g_atomic_int_get (&ahead->pushed) >= (gint) (10 * S / FRAME));
  /* What the segmenter is just taking over counts only when it has. */
  fail_unless (g_atomic_int_get (&ahead->pushed) < (gint) (21 * S / FRAME));
  return thread;
}

static void
expect_freed (GThread *thread, GstFlowReturn flow)
{
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), flow);
}

GST_START_TEST (test_held_back_until_the_others_come)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video), *a = segmenter_add (s, "audio_a", audio);
  GThread *thread = hold_back (s, v);

  input_push_until (a, FAR - 40 * GST_MSECOND);
  expect_freed (thread, GST_FLOW_OK);
  input_end (v);
  input_end (a);
  for (guint k = 1; k <= FAR / (2 * S); k++)
    segment_free (segmenter_expect (s, "a", k, (k - 1) * 2 * S, 2 * S));
  fail_unless (segmenter_pull (s) == NULL);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_held_back_until_flush)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video), *a = segmenter_add (s, "audio_a", audio);
  GThread *thread = hold_back (s, v);

  fail_unless (gst_pad_push_event (v->src, gst_event_new_flush_start ()));
  expect_freed (thread, GST_FLOW_FLUSHING);
  fail_unless (gst_pad_push_event (v->src, gst_event_new_flush_stop (TRUE)));
  input_begin (v);
  /* What had come in before is not taken back. */
  input_push_until (a, 4 * S + 100 * GST_MSECOND);
  segment_free (segmenter_expect (s, "a", 1, 0, 2 * S));
  segment_free (segmenter_expect (s, "a", 2, 2 * S, 2 * S));
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_held_back_until_release)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");

  /* Either the one that waits, or the one that is waited for. */
  for (guint i = 0; i < 2; i++) {
    Segmenter *s = segmenter_new (2);
    Input *v = segmenter_add (s, "video_high", video), *a = segmenter_add (s, "audio_eng", audio);
    GThread *thread = hold_back (s, v);

    gst_element_release_request_pad (s->element, i == 0 ? v->pad : a->pad);
    expect_freed (thread, i == 0 ? GST_FLOW_FLUSHING : GST_FLOW_OK);
    if (i == 0) {
      input_push_until (a, 4 * S);
      input_end (a);
    } else {
      input_end (v);
      segment_free (segmenter_expect (s, "high", 1, 0, 2 * S));
    }
    while (!s->eos) {
      Segment *segment = segmenter_pull (s);

      if (segment)
        segment_free (segment);
    }
    segmenter_free (s);
  }
}

GST_END_TEST;

GST_START_TEST (test_held_back_until_ready)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video);
  GThread *thread;

  segmenter_add (s, "audio_a", audio);
  thread = hold_back (s, v);
  fail_unless_equals_int (gst_element_set_state (s->element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  expect_freed (thread, GST_FLOW_FLUSHING);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_live_is_never_held_back)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video), *a = segmenter_add (s, "audio_a", NULL);

  v->live = TRUE;
  segmenter_play (s);
  /* The segmenter asks who is live when the first buffer comes. */
  input_push (v);
  wait_until (queue_length (&s->out) > 0);
  input_push_until (v, FAR);
  fail_unless_equals_int (v->next, (guint) (FAR / FRAME));
  input_end (a);
  input_end (v);
  segment_free (segmenter_expect (s, "a", 1, 0, 2 * S));
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_release_while_running)
{
  g_autoptr (Encoded) video = encode_video (6, 160, 50, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *high = segmenter_add (s, "video_high", video), *low = segmenter_add (s, "video_low", video);

  segmenter_play (s);
  input_push_until (high, 3 * S);
  input_push_until (low, 3 * S);
  segment_free (segmenter_expect (s, "high", 1, 0, 2 * S));
  segment_free (segmenter_expect (s, "low", 1, 0, 2 * S));
  gst_element_release_request_pad (s->element, low->pad);
  fail_if (gst_pad_is_linked (low->src));
  input_push_until (high, 6 * S);
  input_end (high);

  /* What it had brought is published; then it is gone, and the other goes on. */
  for (guint i = 0; i < 2; i++) {
    g_autoptr (Segment) segment = segmenter_pull (s);

    fail_unless (segment != NULL);
    fail_unless_equals_uint64 (segment->sequence, 2);
    fail_unless_equals_uint64 (segment->pts, 2 * S);
    fail_unless_equals_uint64 (segment->duration, g_str_equal (segment->track, "low") ? 1 * S : 2 * S);
    fail_if (segment->extra.discontinuity);
  }
  segment_free (segmenter_expect (s, "high", 3, 4 * S, 2 * S));
  fail_unless (segmenter_track (s, "low") == NULL && segmenter_track (s, "high") != NULL);
  fail_unless (segmenter_pull (s) == NULL);
  expect_no_message (s->bus);
  segmenter_free (s);
}

GST_END_TEST;

/* In real time, until its pad is taken away. */
static gpointer
push_as_a_camera (gpointer data)
{
  while (input_push (data) == GST_FLOW_OK)
    g_usleep (FRAME / 1000);
  return NULL;
}

GST_START_TEST (test_live_stall)
{
  g_autoptr (Encoded) video = encode_video (4, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_high", video), *a = segmenter_add (s, "audio_eng", audio);
  g_autoptr (GstClock) clock = gst_system_clock_obtain ();
  gint64 silent;
  GThread *camera;
  Segment *segment;

  v->live = a->live = TRUE;
  gst_element_set_clock (s->element, clock);
  gst_element_set_base_time (s->element, gst_clock_get_time (clock));
  segmenter_play (s);
  input_push_until (a, 1 * S);
  silent = g_get_monotonic_time ();
  input_push_until (v, 4 * S);
  camera = g_thread_new ("camera", push_as_a_camera, v);

  segment_free (segmenter_expect (s, "high", 1, 0, 2 * S));
  segment = segmenter_pull (s);
  fail_unless (g_get_monotonic_time () - silent > 4 * G_TIME_SPAN_SECOND, "went on without the silent stream too soon");
  expect_message (s->bus, GST_MESSAGE_WARNING, "pad audio_eng: nothing came for 5 s: output eng goes on without it");
  /* What there was of it, and then a gap under each number. */
  fail_unless_equals_string (segment->track, "eng");
  fail_unless_equals_uint64 (segment->sequence, 1);
  fail_if (segment->extra.gap);
  segment_free (segment);
  segment_free (segmenter_expect (s, "high", 2, 2 * S, 2 * S));
  segment = segmenter_expect (s, "eng", 2, 2 * S, 2 * S);
  fail_unless (segment->extra.gap);
  fail_unless_equals_uint64 (segment->size, 0);
  segment_free (segment);
  expect_no_message (s->bus);
  gst_pad_set_active (v->src, FALSE);
  g_thread_join (camera);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_pad_that_is_not_linked)
{
  g_autoptr (Encoded) video = encode_video (4, 160, 50, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video);

  segmenter_add_pad (s, "audio_a");
  segmenter_play (s);
  input_push_until (v, 4 * S);
  segment_free (segmenter_expect (s, "a", 1, 0, 2 * S));
  expect_message (s->bus, GST_MESSAGE_WARNING, "pad audio_a: is not linked: output a begins without it");
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_queries_and_events_of_downstream)
{
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", NULL), *a = segmenter_add (s, "audio_a", NULL);
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min, max;
  gboolean live;

  segmenter_play (s);
  fail_unless (gst_pad_peer_query (s->sink, query));
  gst_query_parse_latency (query, &live, &min, &max);
  fail_if (live);
  a->live = v->live = TRUE;
  a->latency = 40 * GST_MSECOND;
  v->latency = 100 * GST_MSECOND;
  fail_unless (gst_pad_peer_query (s->sink, query));
  gst_query_parse_latency (query, &live, &min, &max);
  fail_unless (live);
  fail_unless_equals_uint64 (min, 100 * GST_MSECOND);
  fail_unless_equals_uint64 (max, GST_CLOCK_TIME_NONE);
  gst_query_unref (query);
  fail_if (gst_pad_push_event (s->sink, gst_event_new_seek (1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
              GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0)));
  fail_unless_equals_int (queue_length (&v->upstream), 0);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_reuse)
{
  g_autoptr (Encoded) video = encode_video (4, 160, 50, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video);

  /* After the end, in the middle of a segment, and without anything. */
  for (guint i = 0; i < 4; i++) {
    s->eos = FALSE;
    v->next = 0;
    segmenter_play (s);
    if (i < 3) {
      g_autoptr (Segment) segment = NULL;

      input_push_until (v, i == 1 ? 3 * S : 4 * S);
      segment = segmenter_expect (s, "a", 1, 0, 2 * S);
      fail_if (segment->extra.discontinuity);
      fail_unless_equals_int (s->tracks->len, 1);
    }
    if (i == 0) {
      input_end (v);
      segment_free (segmenter_expect (s, "a", 2, 2 * S, 2 * S));
      fail_unless (segmenter_pull (s) == NULL);
    }
    fail_unless_equals_int (gst_element_set_state (s->element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
    /* As a bin's state change does for pads that are linked. */
    gst_pad_set_active (v->src, FALSE);
    gst_pad_set_active (v->src, TRUE);
    gst_pad_set_active (s->sink, FALSE);
    gst_pad_set_active (s->sink, TRUE);
    while (queue_length (&s->out) > 0)
      item_free (queue_pop (&s->out));
  }
  expect_no_message (s->bus);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_downstream_that_fails)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 25, "avc", "bframes=0");
  Segmenter *s = segmenter_new (1);
  Input *v = segmenter_add (s, "video_a", video);
  GstFlowReturn flow = GST_FLOW_OK;

  g_atomic_int_set (&s->flow, GST_FLOW_NOT_NEGOTIATED);
  segmenter_play (s);
  while (flow == GST_FLOW_OK && v->next < 1000)
    flow = input_push (v);
  fail_unless_equals_int (flow, GST_FLOW_FLUSHING);
  expect_message (s->bus, GST_MESSAGE_ERROR, "Internal data stream error");
  fail_unless (segmenter_pull (s) == NULL);
  segmenter_free (s);
}

GST_END_TEST;

/* A demuxer may take its time; when it is over, that is said, and pads that come then are used. */
GST_START_TEST (test_no_inputs)
{
  g_autoptr (Encoded) video = encode_video (4, 160, 50, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v;

  segmenter_play (s);
  expect_message (s->bus, GST_MESSAGE_WARNING, "no output: nothing is linked; link at least one stream");
  v = segmenter_add (s, "video_a", video);
  input_begin (v);
  input_push_until (v, 4 * S);
  segment_free (segmenter_expect (s, "a", 1, 0, 2 * S));
  expect_no_message (s->bus);
  segmenter_free (s);
}

GST_END_TEST;

static Suite *
segmenterthreads_suite (void)
{
  Suite *s = suite_create ("segmenterthreads");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_held_back_until_the_others_come);
  tcase_add_test (tc, test_held_back_until_flush);
  tcase_add_test (tc, test_held_back_until_release);
  tcase_add_test (tc, test_held_back_until_ready);
  tcase_add_test (tc, test_live_is_never_held_back);
  tcase_add_test (tc, test_release_while_running);
  tcase_add_test (tc, test_live_stall);
  tcase_add_test (tc, test_pad_that_is_not_linked);
  tcase_add_test (tc, test_queries_and_events_of_downstream);
  tcase_add_test (tc, test_reuse);
  tcase_add_test (tc, test_downstream_that_fails);
  tcase_add_test (tc, test_no_inputs);
  return s;
}

GST_CHECK_MAIN (segmenterthreads);
