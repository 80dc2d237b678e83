/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The segmenter, fed with what real encoders made: what comes out, in what order, and
 * what it says of input that is wrong.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "segmenter-harness.h"
#include "tsread.h"

#include <gst/video/video.h>

#define S GST_SECOND
#define AUDIO_FRAME (1024 * S / 48000)

/* ADTS frames in the audio of a segment; *@pictures: access units of its video. */
static guint
count_frames (TsRead *ts, Segment *segment, guint *pictures)
{
  guint frames = 0, before = ts->pes->len;

  *pictures = 0;
  ts_read_segment (ts, segment->bytes->data, segment->bytes->len);
  for (guint i = before; i < ts->pes->len; i++) {
    TsReadPes *pes = g_ptr_array_index (ts->pes, i);
    const guint8 *b = pes->payload->data;

    if (pes->stream_id == 0xe0) {
      if ((*pictures)++ == 0) {
        fail_unless (pes->random_access);
        fail_unless_equals_int64 (pes->pts, 10 * 90000 + (gint64) gst_util_uint64_scale_round (segment->pts, 9, 100000));
      }
      continue;
    }
    for (guint at = 0; at < pes->payload->len; frames++) {
      fail_unless (at + 7 <= pes->payload->len && b[at] == 0xff && (b[at + 1] & 0xf0) == 0xf0, "no ADTS header");
      at += (b[at + 3] & 3) << 11 | b[at + 4] << 3 | b[at + 5] >> 5;
    }
  }
  return frames;
}

GST_START_TEST (test_two_inputs_one_output)
{
  g_autoptr (Encoded) video = encode_video (6, 160, 50, "avc", "bframes=2 b-adapt=false");
  g_autoptr (Encoded) audio = encode_audio (285, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_high", video), *a = segmenter_add (s, "audio_high", audio);
  GstClockTime start = GST_BUFFER_PTS (g_ptr_array_index (video->buffers, 0));
  guint pictures, n_audio = 0, skipped = 0;
  gint64 began = g_get_monotonic_time (), pdt = 0, created = 0;
  TsRead *ts = ts_read_new ();
  const HlsTrack *track;
  Segment *segment;

  fail_unless (start > 0, "no reordering");
  segmenter_play (s);
  for (guint k = 1; k <= 6; k++) {
    input_push_until (v, k * S);
    input_push_until (a, k * S);
  }
  input_push_until (a, 6 * S + start - AUDIO_FRAME);
  input_end (v);
  input_end (a);

  for (guint k = 1; k <= 3; k++) {
    segment = segmenter_expect (s, "high", k, start + (k - 1) * 2 * S, 2 * S);
    fail_unless_equals_int (s->n_tracks_events, 1);
    fail_unless (segment->created >= began && segment->created <= g_get_monotonic_time ());
    fail_unless (segment->created >= created);
    created = segment->created;
    fail_unless_equals_int (segment->extra.target_duration, 2);
    fail_if (segment->extra.discontinuity || segment->extra.gap);
    if (k > 1)
      fail_unless_equals_int64 (segment->extra.program_date_time, pdt + 2 * G_USEC_PER_SEC);
    pdt = segment->extra.program_date_time;
    fail_unless (ABS (pdt - g_get_real_time ()) < 60 * G_TIME_SPAN_SECOND, "not the time of day");
    n_audio += count_frames (ts, segment, &pictures);
    fail_unless_equals_int (pictures, 50);
    segment_free (segment);
  }
  track = segmenter_track (s, "high");
  fail_unless (track && s->tracks->len == 1);
  fail_unless (track->video && track->audio);
  fail_unless_equals_int (track->width, 160);
  fail_unless_equals_int (track->height, 90);
  fail_unless_equals_int (track->fps_n, FPS * track->fps_d);
  fail_unless_equals_int (track->channels, 2);
  fail_unless_equals_string (track->name_modifier, "-high");
  fail_unless_equals_string (track->extension, "ts");
  fail_unless_equals_string (track->content_type, "video/mp2t");
  fail_unless (g_str_has_prefix (track->codecs, "avc1.") && g_str_has_suffix (track->codecs, ",mp4a.40.2"));
  /* What began before the first picture is not in; nothing else is missing. */
  while (GST_BUFFER_PTS (g_ptr_array_index (audio->buffers, skipped)) + 1000 < start)
    skipped++;
  fail_unless_equals_int (n_audio, a->next - skipped);

  /* The end: no tracks any more, then EOS. */
  fail_unless (segmenter_pull (s) == NULL);
  fail_unless_equals_int (s->tracks->len, 0);
  fail_unless_equals_int (queue_length (&s->out), 0);
  expect_no_message (s->bus);
  ts_read_free (ts);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_stream_begins_in_order)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 25, "byte-stream", "");
  Segmenter *s = segmenter_new (1);
  Input *v = segmenter_add (s, "video_a", video);
  const GstEventType order[] = { GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT,
    GST_EVENT_CUSTOM_DOWNSTREAM_STICKY
  };
  Item *item;
  GstCaps *caps;

  segmenter_play (s);
  input_push_until (v, 2 * S);
  for (guint i = 0; i < G_N_ELEMENTS (order); i++) {
    item = segmenter_pop (s);
    fail_unless (item->event == order[i], "%u is not %s", i, gst_event_type_get_name (order[i]));
    item_free (item);
  }
  item = segmenter_pop (s);
  fail_unless (item->fragment != NULL);
  item_free (item);
  caps = gst_pad_get_current_caps (s->sink);
  fail_unless (gst_structure_has_name (gst_caps_get_structure (caps, 0), HLS_SEGMENT_CAPS));
  gst_caps_unref (caps);
  segmenter_free (s);
}

GST_END_TEST;

static gpointer
push_all (gpointer data)
{
  Input *in = data;

  input_push_until (in, in->stream->length);
  input_end (in);
  return NULL;
}

GST_START_TEST (test_ladder_is_aligned)
{
  g_autoptr (Encoded) high = encode_video (6, 320, 50, "avc", "bframes=0");
  g_autoptr (Encoded) low = encode_video (6, 160, 50, "byte-stream", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (281, "raw");
  Segmenter *s = segmenter_new (2);
  Input *in[] = { segmenter_add (s, "audio_eng", audio), segmenter_add (s, "video_high", high),
    segmenter_add (s, "video_low", low)
  };
  GThread *threads[3];
  guint next[3] = { 1, 1, 1 };
  Segment *segment;

  segmenter_play (s);
  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new (GST_PAD_NAME (in[i]->src), push_all, in[i]);
  while ((segment = segmenter_pull (s))) {
    guint i = g_str_equal (segment->track, "eng") ? 0 : g_str_equal (segment->track, "high") ? 1 : 2;
    GstClockTime start = (segment->sequence - 1) * 2 * S;

    fail_unless_equals_uint64 (segment->sequence, next[i]++);
    if (i == 0) {
      fail_unless (segment->pts + 1000 >= start && segment->pts < start + AUDIO_FRAME);
      fail_unless (segment->duration > 2 * S - 2 * AUDIO_FRAME && segment->duration < 2 * S + 2 * AUDIO_FRAME);
    } else {
      fail_unless_equals_uint64 (segment->pts, start);
      fail_unless_equals_uint64 (segment->duration, 2 * S);
    }
    fail_if (segment->extra.discontinuity || segment->extra.gap);
    fail_unless (segmenter_track (s, segment->track) != NULL);
    segment_free (segment);
  }
  for (guint i = 0; i < 3; i++) {
    g_thread_join (threads[i]);
    fail_unless_equals_int (next[i], 4);
  }
  expect_no_message (s->bus);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_caps_change_is_a_discontinuity)
{
  g_autoptr (Encoded) small = encode_video (3, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) large = encode_video (3, 320, 50, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", small);
  const GstClockTime start[] = { 0, 2 * S, 3 * S, 5 * S }, duration[] = { 2 * S, 1 * S, 2 * S, 1 * S };

  segmenter_play (s);
  input_push_until (v, 3 * S);
  v->stream = large;
  v->offset = 3 * S;
  v->next = 0;
  fail_unless (gst_pad_push_event (v->src, gst_event_new_caps (large->caps)));
  input_push_until (v, 3 * S);
  input_end (v);
  for (guint i = 0; i < 4; i++) {
    g_autoptr (Segment) segment = segmenter_expect (s, "a", i + 1, start[i], duration[i]);

    fail_unless_equals_int (segment->extra.discontinuity, i == 2);
    fail_unless_equals_int (segmenter_track (s, "a")->width, i < 2 ? 160 : 320);
    fail_unless_equals_int (s->n_tracks_events, i < 2 ? 1 : 2);
  }
  fail_unless (segmenter_pull (s) == NULL);
  expect_no_message (s->bus);
  segmenter_free (s);
}

GST_END_TEST;

/* Caps that say the same in other words are no change. */
GST_START_TEST (test_same_format_is_no_discontinuity)
{
  g_autoptr (Encoded) video = encode_video (4, 160, 25, "byte-stream", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video);
  GstCaps *caps = gst_caps_copy (video->caps);

  gst_caps_set_simple (caps, "interlace-mode", G_TYPE_STRING, "progressive", "x-note", G_TYPE_INT, 1, NULL);
  segmenter_play (s);
  input_push_until (v, 1 * S);
  fail_unless (gst_pad_push_event (v->src, gst_event_new_caps (caps)));
  input_push_until (v, 4 * S);
  input_end (v);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (Segment) segment = segmenter_expect (s, "a", i + 1, i * 2 * S, 2 * S);

    fail_if (segment->extra.discontinuity);
    fail_unless_equals_int (s->n_tracks_events, 1);
  }
  gst_caps_unref (caps);
  segmenter_free (s);
}

GST_END_TEST;

static void
check_jump (gint64 jump)
{
  g_autoptr (Encoded) video = encode_video (6, 160, 25, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (281, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video), *a = segmenter_add (s, "audio_a", audio);
  const GstClockTime start[] = { 0, 2 * S, 3 * S + jump, 5 * S + jump };
  gint64 end = 0;

  segmenter_play (s);
  input_push_until (v, 3 * S);
  input_push_until (a, 3 * S);
  v->offset = a->offset = jump;
  input_push_until (v, 6 * S);
  input_push_until (a, 6 * S);
  input_end (v);
  input_end (a);
  for (guint i = 0; i < 4; i++) {
    g_autoptr (Segment) segment = segmenter_pull (s);

    fail_unless (segment != NULL);
    fail_unless_equals_uint64 (segment->sequence, i + 1);
    fail_unless_equals_uint64 (segment->pts, start[i]);
    fail_unless_equals_int (segment->extra.discontinuity, i == 2);
    fail_unless_equals_int (segment->extra.target_duration, 2);
    /* No time of day comes twice. */
    fail_unless (segment->extra.program_date_time >= end);
    end = segment->extra.program_date_time + (gint64) segment->duration / 1000 - 50000;
  }
  fail_unless (segmenter_pull (s) == NULL);
  segmenter_free (s);
}

GST_START_TEST (test_jump_forward_is_a_discontinuity)
{
  check_jump (100 * S);
}

GST_END_TEST;

GST_START_TEST (test_jump_back_is_a_discontinuity)
{
  check_jump (-2 * (gint64) S);
}

GST_END_TEST;

static void
check_nothing_comes (guint n_frames, gboolean caps)
{
  g_autoptr (Encoded) video = encode_video (1, 160, 25, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", caps ? video : NULL);

  segmenter_play (s);
  /* From the second on: no keyframe. */
  for (v->next = 1; v->next <= n_frames;)
    fail_unless_equals_int (input_push (v), GST_FLOW_OK);
  input_end (v);
  fail_unless (segmenter_pull (s) == NULL);
  fail_unless (s->tracks == NULL);
  expect_message (s->bus, GST_MESSAGE_WARNING, "the streams ended before anything could be published");
  expect_no_message (s->bus);
  segmenter_free (s);
}

GST_START_TEST (test_end_before_data)
{
  check_nothing_comes (0, FALSE);
  check_nothing_comes (0, TRUE);
  check_nothing_comes (20, TRUE);
}

GST_END_TEST;

GST_START_TEST (test_bad_buffers_name_the_pad)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video), *a = segmenter_add (s, "audio_a", audio);
  TsRead *ts = ts_read_new ();
  GstBuffer *buffer;
  Segment *segment;
  guint pictures;

  segmenter_play (s);
  /* Nothing to reckon from yet. */
  buffer = input_frame (a, 0);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  fail_unless_equals_int (gst_pad_push (a->src, buffer), GST_FLOW_OK);
  input_push_until (v, 400 * GST_MSECOND);
  fail_unless_equals_int (gst_pad_push (v->src, gst_buffer_new ()), GST_FLOW_OK);
  buffer = input_frame (v, v->next++);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  fail_unless_equals_int (gst_pad_push (v->src, buffer), GST_FLOW_OK);
  input_push_until (v, 800 * GST_MSECOND);
  buffer = input_frame (v, v->next++);
  GST_BUFFER_PTS (buffer) -= 200 * GST_MSECOND;
  GST_BUFFER_DTS (buffer) = GST_BUFFER_PTS (buffer);
  fail_unless_equals_int (gst_pad_push (v->src, buffer), GST_FLOW_OK);
  input_push_until (v, 1200 * GST_MSECOND);
  buffer = gst_buffer_new_allocate (NULL, 100, NULL);
  gst_buffer_memset (buffer, 0, 0xff, 100);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = 1200 * GST_MSECOND;
  fail_unless_equals_int (gst_pad_push (v->src, buffer), GST_FLOW_OK);
  input_push_until (v, 2 * S);
  input_end (v);

  input_push_until (a, 1 * S);
  fail_unless_equals_int (gst_pad_push (a->src, input_frame (a, a->next - 10)), GST_FLOW_OK);
  input_push_until (a, 2 * S - AUDIO_FRAME);
  input_end (a);

  /* Each stream's own, in the order they came; the streams in the order of their pads. */
  segment = segmenter_expect (s, "a", 1, 0, 2 * S);
  fail_unless_equals_int (count_frames (ts, segment, &pictures), a->next);
  fail_unless_equals_int (pictures, 50);
  segment_free (segment);
  fail_unless (segmenter_pull (s) == NULL);
  {
    static const gchar *const warnings[] = {
      "pad audio_a: the first buffers have no timestamp: dropped", "pad video_a: an empty buffer: dropped",
      "pad video_a: a buffer has no timestamp", "pad video_a: a timestamp goes back: mended",
      "pad video_a: H.264", "pad audio_a: a timestamp goes back: buffer dropped"
    };
    GString *said = g_string_new (NULL);
    GstMessage *message;

    while ((message = gst_bus_pop_filtered (s->bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR))) {
      g_autofree gchar *text = message_text (message);

      fail_unless_equals_int (GST_MESSAGE_TYPE (message), GST_MESSAGE_WARNING);
      g_string_append_printf (said, "%s\n", text);
      gst_message_unref (message);
    }
    for (guint i = 0; i < G_N_ELEMENTS (warnings); i++)
      fail_unless (strstr (said->str, warnings[i]) != NULL, "\"%s\" is not in:\n%s", warnings[i], said->str);
    g_string_free (said, TRUE);
  }
  ts_read_free (ts);
  segmenter_free (s);
}

GST_END_TEST;

static gboolean
can_negotiate (GstPad *pad, const gchar *text)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);
  g_autoptr (GstCaps) common = gst_pad_query_caps (pad, caps);

  return !gst_caps_is_empty (common);
}

GST_START_TEST (test_unsupported_caps_are_refused)
{
  static const gchar *const refused[] = {
    "video/x-vp8", "video/x-raw,format=I420", "video/x-h264,stream-format=avc,alignment=nal", "audio/mpeg,mpegversion=2"
        ",stream-format=loas", "audio/mpeg,mpegversion=1,layer=1", "audio/x-vorbis"
  };
  static const gchar *const taken[] = {
    "video/x-h264,stream-format=avc,alignment=au", "video/x-h265,stream-format=byte-stream,alignment=au",
    "audio/mpeg,mpegversion=4,stream-format=raw,framed=true", "audio/x-eac3,framed=true,alignment=frame"
  };
  /* Sent all the same; the second is of the right type, but with no codec_data it says too little. */
  const gchar *const sent[] = { refused[0], taken[0] };
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", NULL), *a = segmenter_add (s, "audio_a", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    fail_if (can_negotiate (v->pad, refused[i]), "%s", refused[i]);
    fail_if (can_negotiate (a->pad, refused[i]), "%s", refused[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (taken); i++) {
    fail_unless_equals_int (can_negotiate (v->pad, taken[i]), g_str_has_prefix (taken[i], "video"));
    fail_unless_equals_int (can_negotiate (a->pad, taken[i]), g_str_has_prefix (taken[i], "audio"));
  }
  expect_no_message (s->bus);
  segmenter_free (s);

  for (guint i = 0; i < G_N_ELEMENTS (sent); i++) {
    g_autoptr (GstCaps) caps = gst_caps_from_string (sent[i]);

    s = segmenter_new (2);
    v = segmenter_add (s, "video_a", NULL);
    gst_element_set_state (s->element, GST_STATE_PLAYING);
    gst_pad_push_event (v->src, gst_event_new_stream_start ("v"));
    gst_pad_push_event (v->src, gst_event_new_caps (caps));
    if (i == 0) {
      GstSegment segment;

      gst_segment_init (&segment, GST_FORMAT_TIME);
      gst_pad_push_event (v->src, gst_event_new_segment (&segment));
      fail_unless_equals_int (gst_pad_push (v->src, gst_buffer_new_allocate (NULL, 10, NULL)), GST_FLOW_NOT_NEGOTIATED);
      expect_message (s->bus, GST_MESSAGE_WARNING, "pad video_a cannot take video/x-vp8: it takes video/x-h264");
      expect_no_message (s->bus);
    } else
      expect_message (s->bus, GST_MESSAGE_ERROR, "pad video_a: ");
    segmenter_free (s);
  }
}

GST_END_TEST;

GST_START_TEST (test_segment_format_other_than_time)
{
  g_autoptr (Encoded) video = encode_video (1, 160, 25, "avc", "bframes=0");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video);
  GstSegment segment;

  segmenter_play (s);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_pad_push_event (v->src, gst_event_new_segment (&segment));
  expect_message (s->bus, GST_MESSAGE_ERROR, "pad video_a: a segment in format bytes cannot be cut");
  segmenter_free (s);
}

GST_END_TEST;

/* The next force-key-unit that came upstream. */
static GstClockTime
pop_key_request (Input *in)
{
  GstEvent *event = queue_pop (&in->upstream);
  GstClockTime time;
  gboolean headers;
  guint count;

  fail_unless (event != NULL, "no key frame was asked for");
  fail_unless (gst_video_event_parse_upstream_force_key_unit (event, &time, &headers, &count));
  fail_unless (headers);
  gst_event_unref (event);
  return time;
}

GST_START_TEST (test_keyframes_are_asked_for_ahead)
{
  g_autoptr (Encoded) video = encode_video (2, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (94, "raw");
  Segmenter *s = segmenter_new (2);
  Input *v = segmenter_add (s, "video_a", video), *w = segmenter_add (s, "video_b", video);
  Input *a = segmenter_add (s, "audio_a", audio);
  GstClockTime boundary = 2 * S;

  segmenter_play (s);
  /* Caps have come, no frame: an encoder that was asked now could not obey. */
  input_push (a);
  wait_until (queue_length (&s->out) > 0);
  fail_unless_equals_int (queue_length (&v->upstream), 0);

  for (guint i = 0; i < 10 * FPS; i++) {
    /* Asked for before the frame before it comes in. */
    for (; i * FRAME + FRAME >= boundary; boundary += 2 * S) {
      Input *asked[] = { v, w };

      for (guint k = 0; k < 2; k++) {
        GstClockTime time = pop_key_request (asked[k]);

        fail_unless (time <= boundary && time > boundary - FRAME, "asked for %" GST_TIME_FORMAT " instead of %"
            GST_TIME_FORMAT, GST_TIME_ARGS (time), GST_TIME_ARGS (boundary));
      }
    }
    input_push (v);
    input_push (w);
    input_push_until (a, i * FRAME);
  }
  fail_unless_equals_int (queue_length (&a->upstream), 0);
  segmenter_free (s);
}

GST_END_TEST;

GST_START_TEST (test_late_stream_joins_at_a_boundary)
{
  g_autoptr (Encoded) video = encode_video (8, 160, 50, "avc", "bframes=0");
  g_autoptr (Encoded) audio = encode_audio (375, "raw");

  /* Of an output that runs, or of one of its own. */
  for (guint i = 0; i < 2; i++) {
    const gchar *track = i == 0 ? "a" : "eng";
    Segmenter *s = segmenter_new (2);
    Input *v = segmenter_add (s, "video_a", video), *a;
    Segment *segment;

    segmenter_play (s);
    input_push_until (v, 3 * S);
    segment_free (segmenter_expect (s, "a", 1, 0, 2 * S));
    fail_if (segmenter_track (s, "a")->audio);
    a = segmenter_add (s, i == 0 ? "audio_a" : "audio_eng", audio);
    input_begin (a);
    while (a->next * AUDIO_FRAME < 3 * S)
      a->next++;
    input_push_until (a, 8 * S);
    input_push_until (v, 8 * S);
    input_end (a);
    input_end (v);

    segment = segmenter_expect (s, "a", 2, 2 * S, 2 * S);
    fail_if (segmenter_track (s, "a")->audio);
    fail_if (segment->extra.discontinuity);
    segment_free (segment);
    segment = segmenter_pull (s);
    if (i == 1) {
      fail_unless_equals_string (segment->track, "a");
      segment_free (segment);
      segment = segmenter_pull (s);
    }
    fail_unless_equals_string (segment->track, track);
    fail_unless_equals_uint64 (segment->sequence, 3);
    fail_unless (segment->pts + 1000 >= 4 * S && segment->pts < 4 * S + AUDIO_FRAME);
    fail_unless_equals_int (segment->extra.discontinuity, i == 0);
    fail_unless (segmenter_track (s, track)->audio);
    segment_free (segment);
    expect_no_message (s->bus);
    segmenter_free (s);
  }
}

GST_END_TEST;

static Suite *
segmenter_suite (void)
{
  Suite *s = suite_create ("segmenter");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_two_inputs_one_output);
  tcase_add_test (tc, test_stream_begins_in_order);
  tcase_add_test (tc, test_ladder_is_aligned);
  tcase_add_test (tc, test_caps_change_is_a_discontinuity);
  tcase_add_test (tc, test_same_format_is_no_discontinuity);
  tcase_add_test (tc, test_jump_forward_is_a_discontinuity);
  tcase_add_test (tc, test_jump_back_is_a_discontinuity);
  tcase_add_test (tc, test_end_before_data);
  tcase_add_test (tc, test_bad_buffers_name_the_pad);
  tcase_add_test (tc, test_unsupported_caps_are_refused);
  tcase_add_test (tc, test_segment_format_other_than_time);
  tcase_add_test (tc, test_keyframes_are_asked_for_ahead);
  tcase_add_test (tc, test_late_stream_joins_at_a_boundary);
  return s;
}

GST_CHECK_MAIN (segmenter);
