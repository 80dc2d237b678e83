/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The packager in a harness: what comes out, in what order, under which names.
 */
#include "packager-harness.h"

GST_START_TEST (test_order_and_names)
{
  GstHarness *h = new_harness (HLS_MODE_LIVE, "curling");
  GstBuffer *in[2];
  GstMemory *memory[2];
  GstCaps *caps;
  guint64 k;
  Out out;
  guint i;

  push_tracks (h, new_track ("high", TRUE, "avc1.64001f"), new_track ("eng", FALSE, "mp4a.40.2"));
  caps = gst_pad_get_current_caps (h->sinkpad);
  fail_unless (gst_structure_has_name (gst_caps_get_structure (caps, 0), GST_DELIVERY_CAPS));
  gst_caps_unref (caps);

  /* Fragments of two tracks interleave; the bytes are the very same memory. */
  for (i = 0; i < 2; i++) {
    in[i] = new_fragment ("high", 0, i * 100, 100, i == 1, FALSE);
    memory[i] = gst_buffer_peek_memory (in[i], 0);
  }
  fail_unless_equals_int (gst_harness_push (h, gst_buffer_ref (in[0])), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_push (h, new_fragment ("eng", 0, 0, 50, FALSE, FALSE)), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_push (h, gst_buffer_ref (in[1])), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_push (h, new_fragment ("eng", 0, 50, 25, TRUE, FALSE)), GST_FLOW_OK);

  expect (h, GST_DELIVERY_KIND_SEGMENT, "curling-high_00000.ts", 0, &out);
  fail_unless (gst_buffer_n_memory (out.buffer) == 1 && gst_buffer_peek_memory (out.buffer, 0) == memory[0]);
  fail_if (GST_BUFFER_FLAG_IS_SET (out.buffer, GST_BUFFER_FLAG_MARKER));
  out_clear (&out);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "curling-eng_00000.ts", 0, NULL);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "curling-high_00000.ts", 0, &out);
  fail_unless (gst_buffer_n_memory (out.buffer) == 1 && gst_buffer_peek_memory (out.buffer, 0) == memory[1]);
  fail_unless (GST_BUFFER_FLAG_IS_SET (out.buffer, GST_BUFFER_FLAG_MARKER));
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (out.buffer), 100);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (out.buffer), 0);
  fail_unless_equals_string (out.info.track, "high");
  fail_unless_equals_string (out.info.content_type, "video/mp2t");
  fail_unless_equals_string (out.info.cache_control, "public, max-age=31536000, immutable");
  fail_unless_equals_uint64 (out.info.size, 200);
  fail_unless_equals_uint64 (out.info.duration, TARGET * GST_SECOND);
  fail_unless_equals_int (out.info.created, 1000);
  out_clear (&out);
  for (i = 0; i < 2; i++)
    gst_buffer_unref (in[i]);

  expect (h, GST_DELIVERY_KIND_PLAYLIST, "curling-high.m3u8", 0, &out);
  fail_unless_equals_string (out.info.track, "high");
  fail_unless_equals_string (out.info.cache_control, "max-age=2");
  fail_unless_equals_int (out.info.created, 1000);
  fail_unless_equals_uint64 (out.info.losses, 0);
  fail_unless_equals_string (out.text, "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n"
      "#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-PROGRAM-DATE-TIME:2026-02-18T15:30:00.000Z\n#EXTINF:4.00000,\n"
      "curling-high_00000.ts\n");
  out_clear (&out);

  /* The multivariant playlist waits for the other track's first. */
  expect (h, GST_DELIVERY_KIND_SEGMENT, "curling-eng_00000.ts", 0, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "curling-eng.m3u8", 0, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "curling.m3u8", 1, &out);
  fail_unless_equals_string (out.info.track, "");
  fail_unless_equals_string (out.info.cache_control, "max-age=2");
  fail_unless_equals_string (out.text, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"program_audio\",NAME=\"eng\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,"
      "CHANNELS=\"2\",URI=\"curling-eng.m3u8\"\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=550,AVERAGE-BANDWIDTH=550,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=640x360,"
      "FRAME-RATE=25.000,AUDIO=\"program_audio\"\ncurling-high.m3u8\n");
  out_clear (&out);
  expect_nothing (h);

  /* Three listed, seven kept: the first delete comes with the eighth. */
  for (k = 1; k < 10; k++) {
    gchar *name = g_strdup_printf ("curling-high_%05u.ts", (guint) k);

    fail_unless_equals_int (push_segment (h, "high", k, 200), GST_FLOW_OK);
    expect (h, GST_DELIVERY_KIND_SEGMENT, name, k, NULL);
    expect (h, GST_DELIVERY_KIND_PLAYLIST, "curling-high.m3u8", k, &out);
    fail_unless_equals_int (count (out.text, "#EXTINF"), MIN (k + 1, 3));
    out_clear (&out);
    g_free (name);
    if (k >= 7) {
      name = g_strdup_printf ("curling-high_%05u.ts", (guint) k - 7);
      /* Not named since revision k - 7 + 3, to be held for its duration and the playlist's. */
      expect (h, GST_DELIVERY_KIND_DELETE, name, k - 7 + 3, &out);
      fail_unless_equals_string (out.info.track, "high");
      fail_unless_equals_uint64 (out.info.duration, 4 * TARGET * GST_SECOND);
      fail_unless (gst_buffer_get_size (out.buffer) == 0);
      fail_unless (GST_BUFFER_FLAG_IS_SET (out.buffer, GST_BUFFER_FLAG_MARKER));
      out_clear (&out);
      g_free (name);
    }
    expect_nothing (h);
  }

  /* All of it in one push: playlist, then multivariant (more bits than it says), then the delete. */
  fail_unless_equals_int (push_segment (h, "high", 10, 400), GST_FLOW_OK);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "curling-high_00010.ts", 10, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "curling-high.m3u8", 10, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "curling.m3u8", 2, &out);
  assert_has (out.text, "BANDWIDTH=950,");
  out_clear (&out);
  expect (h, GST_DELIVERY_KIND_DELETE, "curling-high_00003.ts", 6, NULL);
  expect_nothing (h);
  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_end_of_stream)
{
  HlsMode mode;

  for (mode = HLS_MODE_LIVE; mode <= HLS_MODE_VOD; mode++) {
    GstHarness *h = new_harness (mode, NULL);
    GstEvent *event;
    guint64 k;
    Out out;

    push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
    for (k = 5; k < 20; k++)
      fail_unless_equals_int (push_segment (h, "a", k, k == 5 ? 500 : 100), GST_FLOW_OK);
    /* Never finished: not published. */
    gst_harness_push (h, new_fragment ("a", 20, 0, 10, FALSE, FALSE));
    fail_unless (gst_harness_buffers_in_queue (h) > 30);
    while (gst_harness_buffers_in_queue (h) > 0) {
      out = pull (h);
      fail_if (mode == HLS_MODE_VOD && out.info.kind == GST_DELIVERY_KIND_DELETE);
      if (out.text)
        fail_if (strstr (out.text, "ENDLIST"));
      out_clear (&out);
    }

    fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
    expect (h, GST_DELIVERY_KIND_PLAYLIST, "index-a.m3u8", 20, &out);
    assert_has (out.text, "#EXT-X-ENDLIST\n");
    fail_if (strstr (out.text, "index-a_00020.ts"));
    if (mode == HLS_MODE_VOD) {
      assert_has (out.text, "#EXT-X-PLAYLIST-TYPE:VOD\n");
      fail_unless_equals_int (count (out.text, "#EXTINF"), 15);
      fail_unless_equals_string (out.info.cache_control, "max-age=3600");
    } else {
      fail_unless_equals_int (count (out.text, "#EXTINF"), 3);
      fail_unless_equals_string (out.info.cache_control, "max-age=2");
    }
    out_clear (&out);
    /* The average has come down since. */
    expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "index.m3u8", 2, &out);
    assert_has (out.text, "BANDWIDTH=1000,AVERAGE-BANDWIDTH=254,");
    out_clear (&out);
    expect_nothing (h);
    do {
      event = gst_harness_pull_event (h);
      fail_unless (event != NULL, "EOS was not forwarded");
      k = GST_EVENT_TYPE (event) == GST_EVENT_EOS;
      gst_event_unref (event);
    } while (!k);
    gst_harness_teardown (h);
  }
}

GST_END_TEST;

/* EOS with nothing in, and the multivariant playlist when it has nothing new to say. */
GST_START_TEST (test_short_streams)
{
  GstHarness *h = new_harness (HLS_MODE_LIVE, "x");

  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  expect_nothing (h);
  gst_harness_teardown (h);

  /* One of two tracks came, once. */
  h = new_harness (HLS_MODE_LIVE, "x");
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), new_track ("b", FALSE, "mp4a.40.2"));
  push_segment (h, "a", 0, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00000.ts", 0, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 0, NULL);
  expect_nothing (h);
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 1, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 1, NULL);
  expect_nothing (h);
  gst_harness_teardown (h);

  /* All said at the first segment already. */
  h = new_harness (HLS_MODE_LIVE, "x");
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  push_segment (h, "a", 0, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00000.ts", 0, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 0, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 1, NULL);
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 1, NULL);
  expect_nothing (h);
  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_tracks_change)
{
  GstHarness *h = new_harness (HLS_MODE_LIVE, "x");
  Out out;

  /* b is late: the multivariant playlist waits one segment for it, and lists it once it has a playlist. */
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), new_track ("b", FALSE, "mp4a.40.2"));
  push_segment (h, "a", 0, 100);
  push_segment (h, "a", 1, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00000.ts", 0, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 0, NULL);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00001.ts", 1, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 1, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 1, &out);
  fail_if (strstr (out.text, "x-b"));
  out_clear (&out);
  push_segment (h, "b", 2, 50);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-b_00002.ts", 2, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-b.m3u8", 2, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 2, &out);
  assert_has (out.text, "URI=\"x-b.m3u8\"");
  out_clear (&out);
  expect_nothing (h);

  /* New codecs. */
  push_tracks (h, new_track ("a", TRUE, "hvc1.1.6.L93.B0"), new_track ("b", FALSE, "mp4a.40.2"));
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 3, &out);
  assert_has (out.text, "CODECS=\"hvc1.1.6.L93.B0,mp4a.40.2\"");
  out_clear (&out);
  /* The same again says nothing new. */
  push_tracks (h, new_track ("a", TRUE, "hvc1.1.6.L93.B0"), new_track ("b", FALSE, "mp4a.40.2"));
  expect_nothing (h);

  /* b ends: so does its playlist. It leaves the multivariant playlist when a has gone on for a segment. */
  push_tracks (h, new_track ("a", TRUE, "hvc1.1.6.L93.B0"), NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-b.m3u8", 3, &out);
  assert_has (out.text, "#EXT-X-ENDLIST\n");
  out_clear (&out);
  push_segment (h, "a", 2, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00002.ts", 2, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 2, NULL);
  push_segment (h, "a", 3, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00003.ts", 3, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 3, NULL);
  expect_nothing (h);
  push_segment (h, "a", 4, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00004.ts", 4, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 4, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 4, &out);
  fail_if (strstr (out.text, "x-b"));
  out_clear (&out);
  expect_nothing (h);

  /* And comes again, with a new playlist. */
  push_tracks (h, new_track ("b", FALSE, "mp4a.40.2"), new_track ("a", TRUE, "hvc1.1.6.L93.B0"));
  expect_nothing (h);
  push_segment (h, "b", 9, 50);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-b_00009.ts", 9, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-b.m3u8", 9, &out);
  assert_has (out.text, "#EXT-X-MEDIA-SEQUENCE:9\n");
  fail_if (strstr (out.text, "ENDLIST"));
  out_clear (&out);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 5, &out);
  assert_has (out.text, "URI=\"x-b.m3u8\"");
  out_clear (&out);
  expect_nothing (h);
  gst_harness_teardown (h);
}

GST_END_TEST;

/* The tracks of one stream end one after the other: at its end all are still listed. */
GST_START_TEST (test_tracks_end_in_turn)
{
  GstHarness *h = new_harness (HLS_MODE_VOD, "x");
  guint n = 0, ended = 0;
  guint64 k;
  Out out;

  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), new_track ("b", FALSE, "mp4a.40.2"));
  for (k = 0; k < 3; k++) {
    push_segment (h, "a", k, 100);
    push_segment (h, "b", k, 100);
  }
  push_tracks (h, new_track ("b", FALSE, "mp4a.40.2"), NULL);
  push_segment (h, "b", 3, 100);
  push_tracks (h, NULL, NULL);
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  while (gst_harness_buffers_in_queue (h) > 0) {
    out = pull (h);
    if (out.info.kind == GST_DELIVERY_KIND_MULTIVARIANT) {
      assert_has (out.text, "\nx-a.m3u8\n");
      assert_has (out.text, "URI=\"x-b.m3u8\"");
      n++;
    } else if (out.info.kind == GST_DELIVERY_KIND_PLAYLIST) {
      ended += count (out.text, "#EXT-X-ENDLIST");
    }
    out_clear (&out);
  }
  fail_unless (n > 0);
  fail_unless_equals_int (ended, 2);
  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_gap_segments)
{
  GstHarness *h = new_harness (HLS_MODE_LIVE, "x");
  guint64 k;
  guint deletes = 0;
  Out out;

  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  push_segment (h, "a", 0, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00000.ts", 0, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 0, NULL);
  expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 1, NULL);
  fail_unless_equals_int (gst_harness_push (h, new_fragment ("a", 1, 0, 0, TRUE, TRUE)), GST_FLOW_OK);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 1, &out);
  assert_has (out.text, "x-a_00000.ts\n#EXT-X-GAP\n#EXT-X-PROGRAM-DATE-TIME:2026-02-18T15:30:04.000Z\n"
      "#EXTINF:4.00000,\nx-a_00001.ts\n");
  out_clear (&out);
  expect_nothing (h);

  /* What was never made is not deleted either. */
  for (k = 2; k < 12; k++)
    push_segment (h, "a", k, 100);
  while (gst_harness_buffers_in_queue (h) > 0) {
    out = pull (h);
    if (out.info.kind == GST_DELIVERY_KIND_DELETE) {
      fail_if (g_str_equal (out.info.name, "x-a_00001.ts"));
      deletes++;
    }
    out_clear (&out);
  }
  fail_unless_equals_int (deletes, 4);
  gst_harness_teardown (h);
}

GST_END_TEST;

/* The sink's report, as a query from downstream. */
static GstBuffer *
report_lost (GstHarness * h, const gchar * track, const gchar * name, const gchar * playlist, guint64 revision,
    gboolean answered)
{
  const gchar *names[] = { name, NULL };
  GstQuery *query = gst_delivery_query_new_lost (track, names, playlist, revision);
  GstBuffer *buffer;

  fail_unless_equals_int (gst_pad_peer_query (h->sinkpad, query), answered);
  buffer = gst_delivery_query_get_playlist (query);
  gst_query_unref (query);
  return buffer;
}

static gchar *
text_of (GstBuffer * buffer)
{
  GstMapInfo map;
  gchar *text;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  text = g_strndup ((const gchar *) map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return text;
}

GST_START_TEST (test_lost_segments)
{
  GstHarness *h = new_harness (HLS_MODE_LIVE, "x");
  GstDeliveryInfo info;
  GstBuffer *buffer;
  gchar *text;
  Out out;

  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), new_track ("b", FALSE, "mp4a.40.2"));
  push_segment (h, "a", 0, 100);
  push_segment (h, "b", 0, 100);
  push_segment (h, "a", 1, 100);
  while (gst_harness_buffers_in_queue (h) > 0)
    gst_buffer_unref (gst_harness_pull (h));

  /* An older revision than the newest. */
  buffer = report_lost (h, "a", "x-a_00000.ts", "x-a.m3u8", 0, TRUE);
  fail_unless (gst_delivery_buffer_get_info (buffer, FALSE, &info, NULL));
  fail_unless_equals_int (info.kind, GST_DELIVERY_KIND_PLAYLIST);
  fail_unless_equals_string (info.name, "x-a.m3u8");
  fail_unless_equals_string (info.track, "a");
  fail_unless_equals_string (info.content_type, PLAYLIST_TYPE);
  fail_unless_equals_string (info.cache_control, "max-age=2");
  fail_unless_equals_uint64 (info.sequence, 0);
  fail_unless_equals_uint64 (info.losses, 1);
  fail_unless_equals_uint64 (info.size, gst_buffer_get_size (buffer));
  text = text_of (buffer);
  assert_has (text, "#EXT-X-GAP\n");
  fail_if (strstr (text, "x-a_00001.ts"));
  g_free (text);
  gst_buffer_unref (buffer);

  /* No playlist wanted, and a name that is not known: told is told. */
  fail_unless (report_lost (h, "a", "nonsense", NULL, 0, TRUE) == NULL);
  fail_unless (report_lost (h, "a", "x-a_00001.ts", "x-b.m3u8", 0, TRUE) == NULL);
  fail_unless (report_lost (h, "c", "x-c_00001.ts", "x-c.m3u8", 0, FALSE) == NULL);
  fail_unless (report_lost (h, "b", "x-b_00007.ts", "x-b.m3u8", 9, TRUE) == NULL);

  /* Given up before it was complete: a gap from its first playlist on. */
  gst_harness_push (h, new_fragment ("a", 2, 0, 10, FALSE, FALSE));
  fail_unless (report_lost (h, "a", "x-a_00002.ts", NULL, 0, TRUE) == NULL);
  gst_harness_push (h, new_fragment ("a", 2, 10, 10, TRUE, FALSE));
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00002.ts", 2, NULL);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00002.ts", 2, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 2, &out);
  fail_unless_equals_uint64 (out.info.losses, 4);
  fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), 3);
  out_clear (&out);

  /* The other track knows nothing of it. */
  push_segment (h, "b", 1, 100);
  expect (h, GST_DELIVERY_KIND_SEGMENT, "x-b_00001.ts", 1, NULL);
  expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-b.m3u8", 1, &out);
  fail_unless_equals_uint64 (out.info.losses, 1);
  fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), 0);
  out_clear (&out);

  /* Told after the end of the track. */
  push_tracks (h, new_track ("b", FALSE, "mp4a.40.2"), NULL);
  buffer = report_lost (h, "a", "x-a_00001.ts", "x-a.m3u8", 3, TRUE);
  text = text_of (buffer);
  assert_has (text, "#EXT-X-ENDLIST\n");
  fail_unless_equals_int (count (text, "#EXT-X-GAP"), 3);
  g_free (text);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

GST_END_TEST;

/* A sink may refuse a segment the moment its last fragment arrives: the playlist that follows must know. */
static gboolean refuse_all;

static GstPadProbeReturn
refuse_segments (GstPad * pad, GstPadProbeInfo * probe, gpointer user_data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (probe);
  GstDeliveryInfo info;

  fail_unless (gst_delivery_buffer_get_info (buffer, FALSE, &info, NULL));
  if (refuse_all && info.kind == GST_DELIVERY_KIND_SEGMENT)
    fail_unless (report_lost (user_data, info.track, info.name, NULL, 0, TRUE) == NULL);
  return GST_PAD_PROBE_OK;
}

GST_START_TEST (test_lost_at_once)
{
  GstHarness *h = new_harness (HLS_MODE_VOD, "x");
  guint64 k;
  Out out;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, refuse_segments, h, NULL);
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  for (k = 0; k < 4; k++) {
    refuse_all = k > 0;
    fail_unless_equals_int (push_segment (h, "a", k, 100), GST_FLOW_OK);
  }
  while (gst_harness_buffers_in_queue (h) > 0) {
    out = pull (h);
    if (out.info.kind == GST_DELIVERY_KIND_PLAYLIST) {
      fail_unless_equals_uint64 (out.info.losses, out.info.sequence);
      fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), out.info.sequence);
    }
    out_clear (&out);
  }
  gst_harness_teardown (h);
}

GST_END_TEST;

#define RACE_SEGMENTS 400

typedef struct {
  GstHarness *h;
  gint pushed;
} Race;

/* Loses every other segment, while the next ones are pushed. */
static gpointer
lose_segments (gpointer data)
{
  Race *race = data;
  guint64 told = 0;
  guint k;

  for (k = 0; k < RACE_SEGMENTS; k += 2) {
    gchar *name = g_strdup_printf ("x-a_%05u.ts", k);
    GstDeliveryInfo info;
    GstBuffer *buffer;
    gchar *text;

    while ((guint) g_atomic_int_get (&race->pushed) <= k)
      g_thread_yield ();
    buffer = report_lost (race->h, "a", name, "x-a.m3u8", k, TRUE);
    fail_unless (gst_delivery_buffer_get_info (buffer, FALSE, &info, NULL));
    fail_unless_equals_uint64 (info.losses, ++told);
    text = text_of (buffer);
    fail_unless_equals_int (count (text, "#EXT-X-GAP"), told);
    fail_unless_equals_int (count (text, "#EXTINF"), k + 1);
    g_free (text);
    gst_buffer_unref (buffer);
    g_free (name);
  }
  return NULL;
}

GST_START_TEST (test_lost_while_pushing)
{
  Race race = { new_harness (HLS_MODE_VOD, "x"), 0 };
  guint64 losses = 0;
  GThread *thread;
  guint k;
  Out out;

  push_tracks (race.h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  thread = g_thread_new ("worker", lose_segments, &race);
  for (k = 0; k < RACE_SEGMENTS; k++) {
    fail_unless_equals_int (push_segment (race.h, "a", k, 100), GST_FLOW_OK);
    g_atomic_int_inc (&race.pushed);
    while (gst_harness_buffers_in_queue (race.h) > 0) {
      out = pull (race.h);
      if (out.info.kind == GST_DELIVERY_KIND_PLAYLIST) {
        /* What it counts is what it marks. */
        fail_unless (out.info.losses >= losses);
        losses = out.info.losses;
        fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), losses);
      }
      out_clear (&out);
    }
  }
  g_thread_join (thread);
  fail_unless (gst_harness_push_event (race.h, gst_event_new_eos ()));
  expect (race.h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", RACE_SEGMENTS, &out);
  fail_unless_equals_uint64 (out.info.losses, RACE_SEGMENTS / 2);
  fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), RACE_SEGMENTS / 2);
  out_clear (&out);
  gst_harness_teardown (race.h);
}

GST_END_TEST;

/* Behind one tee: same objects, same text, one copy of the bytes; losses are each pipeline's own. */
GST_START_TEST (test_two_packagers)
{
  GstHarness *h[2] = { new_harness (HLS_MODE_LIVE, "x"), new_harness (HLS_MODE_LIVE, "x") };
  guint64 k;
  guint p, n = 0;

  for (p = 0; p < 2; p++)
    push_tracks (h[p], new_track ("a", TRUE, "avc1.64001f"), NULL);
  for (k = 0; k < 30; k++) {
    GstBuffer *in = new_fragment ("a", k, 0, 100 + k, TRUE, k % 9 == 8);

    for (p = 0; p < 2; p++)
      fail_unless_equals_int (gst_harness_push (h[p], gst_buffer_ref (in)), GST_FLOW_OK);
    gst_buffer_unref (in);
    fail_unless_equals_int (gst_harness_buffers_in_queue (h[0]), gst_harness_buffers_in_queue (h[1]));
    while (gst_harness_buffers_in_queue (h[0]) > 0) {
      Out a = pull (h[0]), b = pull (h[1]);

      fail_unless_equals_int (a.info.kind, b.info.kind);
      fail_unless_equals_string (a.info.name, b.info.name);
      fail_unless_equals_uint64 (a.info.sequence, b.info.sequence);
      if (a.text)
        fail_unless_equals_string (a.text, b.text);
      if (a.info.kind == GST_DELIVERY_KIND_SEGMENT)
        fail_unless (gst_buffer_peek_memory (a.buffer, 0) == gst_buffer_peek_memory (b.buffer, 0));
      out_clear (&a);
      out_clear (&b);
      n++;
    }
  }
  fail_unless (n > 90);
  gst_buffer_replace (&(GstBuffer *) { report_lost (h[0], "a", "x-a_00029.ts", "x-a.m3u8", 29, TRUE) }, NULL);
  for (p = 0; p < 2; p++) {
    Out out;

    push_segment (h[p], "a", 30, 10);
    expect (h[p], GST_DELIVERY_KIND_SEGMENT, "x-a_00030.ts", 30, NULL);
    expect (h[p], GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 30, &out);
    fail_unless_equals_uint64 (out.info.losses, p == 0 ? 1 : 0);
    fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), p == 0 ? 1 : 0);
    out_clear (&out);
    gst_harness_teardown (h[p]);
  }
}

GST_END_TEST;

static gboolean
answer_destination (GstPad * pad, GstObject * parent, GstQuery * query)
{
  if (!gst_delivery_query_is_destination (query))
    return gst_pad_query_default (pad, parent, query);
  gst_delivery_query_set_destination (query, g_object_get_data (G_OBJECT (pad), "base-name"));
  return TRUE;
}

GST_START_TEST (test_base_name)
{
  static const struct
  {
    const gchar *wanted, *destination, *playlist, *uri;
  } cases[] = {
    {NULL, NULL, "index-a.m3u8", "index-a_00000.ts"},
    {NULL, "curling", "curling-a.m3u8", "curling-a_00000.ts"},
    {"mine", "curling", "mine-a.m3u8", "mine-a_00000.ts"},
    /* A URI reference wants escapes where a file name does not. */
    {NULL, "a b:\303\251", "a b:\303\251-a.m3u8", "a%20b%3A%C3%A9-a_00000.ts"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = new_harness (HLS_MODE_LIVE, cases[i].wanted);
    gchar *line = g_strdup_printf ("\n%s\n", cases[i].uri);
    Out out;

    if (cases[i].destination) {
      g_object_set_data (G_OBJECT (h->sinkpad), "base-name", (gpointer) cases[i].destination);
      gst_pad_set_query_function (h->sinkpad, answer_destination);
    }
    push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
    push_segment (h, "a", 0, 10);
    out = pull (h);
    out_clear (&out);
    expect (h, GST_DELIVERY_KIND_PLAYLIST, cases[i].playlist, 0, &out);
    assert_has (out.text, line);
    out_clear (&out);
    g_free (line);
    gst_harness_teardown (h);
  }
}

GST_END_TEST;

/* From the start after READY; on with the numbers after a flush. */
GST_START_TEST (test_restart_and_flush)
{
  GstHarness *h = new_harness (HLS_MODE_LIVE, "x");
  GstSegment segment;
  guint run;
  Out out;

  for (run = 0; run < 2; run++) {
    push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
    push_segment (h, "a", 10, 100);
    expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00010.ts", 10, NULL);
    expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 10, &out);
    fail_unless_equals_uint64 (out.info.losses, 0);
    fail_unless_equals_int (count (out.text, "#EXTINF"), 1);
    out_clear (&out);
    expect (h, GST_DELIVERY_KIND_MULTIVARIANT, "x.m3u8", 1, NULL);
    gst_buffer_replace (&(GstBuffer *) { report_lost (h, "a", "x-a_00010.ts", "x-a.m3u8", 10, TRUE) }, NULL);

    /* Half a segment, thrown away by the flush: what follows is whole again. */
    gst_harness_push (h, new_fragment ("a", 11, 0, 60, FALSE, FALSE));
    expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00011.ts", 11, NULL);
    gst_harness_push_event (h, gst_event_new_flush_start ());
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (h, gst_event_new_segment (&segment));
    fail_unless_equals_int (gst_harness_push (h, new_fragment ("a", 11, 60, 40, TRUE, FALSE)), GST_FLOW_OK);
    expect_nothing (h);
    push_segment (h, "a", 11, 100);
    expect (h, GST_DELIVERY_KIND_SEGMENT, "x-a_00011.ts", 11, &out);
    fail_unless_equals_uint64 (out.info.size, 100);
    out_clear (&out);
    expect (h, GST_DELIVERY_KIND_PLAYLIST, "x-a.m3u8", 11, &out);
    fail_unless_equals_int (count (out.text, "#EXTINF"), 2);
    fail_unless_equals_int (count (out.text, "#EXT-X-GAP"), 1);
    out_clear (&out);
    expect_nothing (h);

    fail_unless_equals_int (gst_element_set_state (h->element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    fail_unless (report_lost (h, "a", "x-a_00011.ts", "x-a.m3u8", 11, FALSE) == NULL);
    gst_harness_play (h);
    gst_harness_push_event (h, gst_event_new_stream_start ("again"));
    gst_harness_set_src_caps_str (h, HLS_SEGMENT_CAPS);
  }
  gst_harness_teardown (h);
}

GST_END_TEST;

GST_START_TEST (test_bad_input)
{
  GstHarness *h;
  GstBuffer *buffer;
  GstBus *bus;

  /* No meta. */
  h = new_harness (HLS_MODE_LIVE, "x");
  bus = watch (h);
  fail_unless_equals_int (gst_harness_push (h, gst_buffer_new ()), GST_FLOW_ERROR);
  expect_error (h, bus, GST_DELIVERY_META);
  gst_harness_teardown (h);

  /* A track nobody told of. */
  h = new_harness (HLS_MODE_LIVE, "x");
  bus = watch (h);
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  fail_unless_equals_int (push_segment (h, "b", 0, 10), GST_FLOW_ERROR);
  expect_error (h, bus, "output b");
  gst_harness_teardown (h);

  /* The last fragment without its fields. */
  h = new_harness (HLS_MODE_LIVE, "x");
  bus = watch (h);
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  buffer = new_fragment ("a", 0, 0, 10, FALSE, FALSE);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
  fail_unless_equals_int (gst_harness_push (h, buffer), GST_FLOW_ERROR);
  expect_error (h, bus, "target duration");
  gst_harness_teardown (h);

  /* A hole in the numbers, and no duration. */
  h = new_harness (HLS_MODE_LIVE, "x");
  bus = watch (h);
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  fail_unless_equals_int (push_segment (h, "a", 4, 10), GST_FLOW_OK);
  fail_unless_equals_int (push_segment (h, "a", 6, 10), GST_FLOW_ERROR);
  expect_error (h, bus, "segment 6 came where 5 was due");
  bus = watch (h);
  buffer = new_fragment ("a", 5, 0, 10, TRUE, FALSE);
  gst_structure_set (gst_delivery_buffer_get_structure (buffer), "duration", G_TYPE_UINT64, GST_CLOCK_TIME_NONE, NULL);
  fail_unless_equals_int (gst_harness_push (h, buffer), GST_FLOW_ERROR);
  expect_error (h, bus, "segment 5 has no duration");
  gst_harness_teardown (h);

  /* Names that would overwrite each other. */
  h = new_harness (HLS_MODE_LIVE, "x");
  bus = watch (h);
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), new_track ("a", FALSE, "mp4a.40.2"));
  expect_error (h, bus, "\"-a\" is used twice");
  bus = watch (h);
  {
    HlsTrack *track = new_track ("a", TRUE, "avc1.64001f");

    *track->name_modifier = '\0';
    push_tracks (h, track, NULL);
  }
  expect_error (h, bus, "output a: name-modifier is empty");
  gst_harness_teardown (h);

  /* A base name that is no name. */
  h = new_harness (HLS_MODE_LIVE, "a/b");
  bus = watch (h);
  push_tracks (h, new_track ("a", TRUE, "avc1.64001f"), NULL);
  fail_unless_equals_int (push_segment (h, "a", 0, 10), GST_FLOW_ERROR);
  expect_error (h, bus, "'/' in \"a/b\"");
  gst_harness_teardown (h);
}

GST_END_TEST;

static Suite *
packager_suite (void)
{
  Suite *s = suite_create ("packager");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_order_and_names);
  tcase_add_test (tc, test_end_of_stream);
  tcase_add_test (tc, test_short_streams);
  tcase_add_test (tc, test_tracks_change);
  tcase_add_test (tc, test_tracks_end_in_turn);
  tcase_add_test (tc, test_gap_segments);
  tcase_add_test (tc, test_lost_segments);
  tcase_add_test (tc, test_lost_at_once);
  tcase_add_test (tc, test_lost_while_pushing);
  tcase_add_test (tc, test_two_packagers);
  tcase_add_test (tc, test_base_name);
  tcase_add_test (tc, test_restart_and_flush);
  tcase_add_test (tc, test_bad_input);
  return s;
}

GST_CHECK_MAIN (packager);
