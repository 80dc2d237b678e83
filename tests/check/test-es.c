/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <glib/gstdio.h>

#include "es.h"
#include "tsmux.h"
#include "tsread.h"

/* --- frames of real encoders --- */

typedef struct
{
  GstCaps *caps;
  GPtrArray *buffers;
} Stream;

static void
on_handoff (GstElement * sink, GstBuffer * buffer, GstPad * pad, gpointer user)
{
  Stream *stream = user;

  if (!stream->caps)
    stream->caps = gst_pad_get_current_caps (pad);
  g_ptr_array_add (stream->buffers, gst_buffer_ref (buffer));
}

static void
encode (Stream * stream, const gchar * description)
{
  g_autofree gchar *line = g_strdup_printf ("%s ! fakesink name=sink signal-handoffs=true", description);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (line, &error), *sink;
  GstMessage *message;

  fail_unless (pipeline != NULL && error == NULL, "%s: %s", line, error ? error->message : "");
  stream->caps = NULL;
  stream->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), stream);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline), 60 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "%s did not reach its end", line);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  fail_unless (stream->buffers->len > 0);
}

static void
stream_clear (Stream * stream)
{
  gst_caps_unref (stream->caps);
  g_ptr_array_unref (stream->buffers);
}

static HlsEs *
es_of_caps (const GstCaps * caps)
{
  g_autoptr (GError) error = NULL;
  HlsEs *es = hls_es_new (caps, &error);

  fail_unless (es != NULL, "%s", error ? error->message : "");
  return es;
}

static HlsEs *
es_of_string (const gchar * text)
{
  GstCaps *caps = gst_caps_from_string (text);
  HlsEs *es = es_of_caps (caps);

  gst_caps_unref (caps);
  return es;
}

/* Inspects and converts; the bytes that would be muxed go to @out. */
static gboolean
convert (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe, gboolean * random_access,
    gboolean * changed, GByteArray * out, GError ** error)
{
  g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (HlsSpan));

  if (!hls_es_inspect (es, data, size, keyframe, random_access, changed, error))
    return FALSE;
  if (!hls_es_to_ts (es, data, size, *random_access, spans, error))
    return FALSE;
  for (guint i = 0; i < spans->len; i++) {
    const HlsSpan *span = &g_array_index (spans, HlsSpan, i);

    g_byte_array_append (out, span->data, span->size);
  }
  return TRUE;
}

static gboolean
convert_buffer (HlsEs * es, GstBuffer * buffer, gboolean * changed, GByteArray * out)
{
  g_autoptr (GError) error = NULL;
  gboolean random_access;
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (convert (es, map.data, map.size, !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT),
          &random_access, changed, out, &error), "%s", error ? error->message : "");
  gst_buffer_unmap (buffer, &map);
  return random_access;
}

/* The first bytes of the NAL units of a byte stream. */
static GArray *
nal_heads (const GByteArray * bytes)
{
  GArray *heads = g_array_new (FALSE, FALSE, 1);

  for (guint i = 0; i + 3 < bytes->len; i++)
    if (bytes->data[i] == 0 && bytes->data[i + 1] == 0 && bytes->data[i + 2] == 1)
      g_array_append_val (heads, bytes->data[i + 3]);
  return heads;
}

#define VIDEO(width, height, fps, n) "videotestsrc num-buffers=" #n " pattern=ball ! video/x-raw,format=I420,width=" #width \
    ",height=" #height ",framerate=" fps " ! "
#define X264 "x264enc key-int-max=50 bframes=2 speed-preset=superfast bitrate=600 ! "
#define X265 "x265enc key-int-max=50 speed-preset=ultrafast bitrate=400 option-string=open-gop=0 ! h265parse ! "
#define AUDIO(rate, channels) "audiotestsrc num-buffers=200 samplesperbuffer=1024 ! audio/x-raw,rate=" #rate \
    ",channels=" #channels " ! "

/* --- video --- */

GST_START_TEST (test_h264)
{
  static const gchar *const formats[] = { "byte-stream", "avc", "avc3" };
  g_autoptr (GByteArray) reference = g_byte_array_new ();

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    g_autofree gchar *line = g_strdup_printf (VIDEO (322, 182, "24000/1001", 100) X264
        "h264parse config-interval=%d ! video/x-h264,stream-format=%s,alignment=au", f == 2 ? -1 : 0, formats[f]);
    g_autoptr (GByteArray) all = g_byte_array_new ();
    Stream stream;
    HlsEs *es;
    const HlsEsInfo *info;
    guint points = 0;

    encode (&stream, line);
    es = es_of_caps (stream.caps);
    fail_unless_equals_int (hls_es_is_ready (es), f == 1);
    for (guint i = 0; i < stream.buffers->len; i++) {
      g_autoptr (GByteArray) au = g_byte_array_new ();
      g_autoptr (GArray) heads = NULL;
      gboolean changed, point = convert_buffer (es, g_ptr_array_index (stream.buffers, i), &changed, au);

      fail_unless (!changed);
      fail_unless (hls_es_is_ready (es));
      fail_unless_equals_int (point, i == 0 || i == 50);
      heads = nal_heads (au);
      fail_unless_equals_int (g_array_index (heads, guint8, 0) & 31, 9);
      for (guint k = 1; k < heads->len; k++)
        fail_unless ((g_array_index (heads, guint8, k) & 31) != 9);
      if (point) {
        fail_unless_equals_int (g_array_index (heads, guint8, 1) & 31, 7);
        fail_unless_equals_int (g_array_index (heads, guint8, 2) & 31, 8);
        points++;
      }
      g_byte_array_append (all, au->data, au->len);
    }
    fail_unless_equals_int (points, 2);
    info = hls_es_get_info (es);
    fail_unless (g_regex_match_simple ("^avc1\\.(64|4d|42)00[0-9a-f]{2}$", info->codecs, 0, 0), "%s", info->codecs);
    fail_unless (info->width == 322 && info->height == 182, "%ux%u", info->width, info->height);
    fail_unless (info->fps_n == 24000 && info->fps_d == 1001);
    fail_unless_equals_int (info->stream_type, 0x1b);
    fail_unless_equals_int (info->stream_id, 0xe0);
    /* Whatever the format, as many NAL units of the same kinds come out. */
    if (f == 0)
      g_byte_array_append (reference, all->data, all->len);
    else {
      g_autoptr (GArray) a = nal_heads (reference), b = nal_heads (all);

      fail_unless_equals_int (a->len, b->len);
      fail_unless (memcmp (a->data, b->data, a->len) == 0);
    }
    hls_es_free (es);
    stream_clear (&stream);
  }
}

GST_END_TEST;

GST_START_TEST (test_h265)
{
  static const gchar *const formats[] = { "byte-stream", "hvc1", "hev1" };

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    g_autofree gchar *line = g_strdup_printf (VIDEO (322, 182, "25/1", 60) X265
        "video/x-h265,stream-format=%s,alignment=au", formats[f]);
    Stream stream;
    HlsEs *es;
    const HlsEsInfo *info;

    encode (&stream, line);
    es = es_of_caps (stream.caps);
    for (guint i = 0; i < stream.buffers->len; i++) {
      g_autoptr (GByteArray) au = g_byte_array_new ();
      g_autoptr (GArray) heads = NULL;
      gboolean changed, point = convert_buffer (es, g_ptr_array_index (stream.buffers, i), &changed, au);

      fail_unless (!changed);
      fail_unless (hls_es_is_ready (es));
      fail_unless_equals_int (point, i == 0 || i == 50);
      heads = nal_heads (au);
      fail_unless_equals_int (g_array_index (heads, guint8, 0) >> 1, 35);
      for (guint k = 1; point && k < 4; k++)
        fail_unless_equals_int (g_array_index (heads, guint8, k) >> 1, 31 + k);
    }
    info = hls_es_get_info (es);
    /* Main profile; general_level_idc is 30 times the level. */
    fail_unless (g_regex_match_simple ("^hvc1\\.1\\.6\\.L(60|63|90|93)\\.90$", info->codecs, 0, 0), "%s", info->codecs);
    fail_unless (info->width == 322 && info->height == 182, "%ux%u", info->width, info->height);
    fail_unless (info->fps_n == 25 && info->fps_d == 1);
    fail_unless_equals_int (info->stream_type, 0x24);
    fail_unless (info->descriptors_size == 6 && memcmp (info->descriptors, "\005\004HEVC", 6) == 0);
    hls_es_free (es);
    stream_clear (&stream);
  }
}

GST_END_TEST;

/* Where the caps have no frame rate, the SPS says it. */
GST_START_TEST (test_vui_frame_rate)
{
  static const gchar *const lines[] = {
    VIDEO (320, 180, "30000/1001", 3) X264 "h264parse ! video/x-h264,stream-format=byte-stream",
    VIDEO (320, 180, "30000/1001", 3) X265 "video/x-h265,stream-format=byte-stream",
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_autoptr (GByteArray) au = g_byte_array_new ();
    gboolean changed;
    GstCaps *caps;
    Stream stream;
    HlsEs *es;

    encode (&stream, lines[i]);
    caps = gst_caps_copy (stream.caps);
    gst_structure_remove_field (gst_caps_get_structure (caps, 0), "framerate");
    es = es_of_caps (caps);
    fail_unless (convert_buffer (es, g_ptr_array_index (stream.buffers, 0), &changed, au));
    fail_unless (gst_util_fraction_compare (hls_es_get_info (es)->fps_n, hls_es_get_info (es)->fps_d, 30000, 1001) == 0,
        "%u: %d/%d", i, hls_es_get_info (es)->fps_n, hls_es_get_info (es)->fps_d);
    hls_es_free (es);
    gst_caps_unref (caps);
    stream_clear (&stream);
  }
}

GST_END_TEST;

/* A stream that changes its size, with the same caps fields otherwise. */
GST_START_TEST (test_change)
{
  Stream a, b;
  HlsEs *es = es_of_string ("video/x-h264,stream-format=byte-stream,alignment=au");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  gboolean changed;

  encode (&a, VIDEO (320, 180, "25/1", 2) X264 "h264parse ! video/x-h264,stream-format=byte-stream,alignment=au");
  encode (&b, VIDEO (640, 360, "25/1", 2) X264 "h264parse ! video/x-h264,stream-format=byte-stream,alignment=au");
  for (guint i = 0; i < 6; i++) {
    const Stream *stream = i % 4 < 2 ? &a : &b;

    convert_buffer (es, g_ptr_array_index (stream->buffers, i % 2), &changed, out);
    fail_unless_equals_int (changed, i == 2 || i == 4);
    fail_unless_equals_int (hls_es_get_info (es)->width, stream == &a ? 320 : 640);
  }
  hls_es_free (es);
  stream_clear (&a);
  stream_clear (&b);
}

GST_END_TEST;


/* Recovery points: of an open GOP, a random access point where the buffer says keyframe too. */
GST_START_TEST (test_recovery_point)
{
  static const guint8 now[] = { 0, 0, 1, 0x06, 0x06, 0x01, 0xc4, 0x80, 0, 0, 1, 0x41, 0x9a, 0x00 };
  static const guint8 later[] = { 0, 0, 1, 0x06, 0x06, 0x01, 0x2c, 0x80, 0, 0, 1, 0x41, 0x9a, 0x00 };
  static const guint8 none[] = { 0, 0, 1, 0x41, 0x9a, 0x00 };
  Stream stream;
  HlsEs *es = es_of_string ("video/x-h264,stream-format=byte-stream,alignment=au");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  gboolean point, changed;

  encode (&stream, VIDEO (320, 180, "25/1", 1) X264 "h264parse ! video/x-h264,stream-format=byte-stream,alignment=au");
  fail_unless (convert_buffer (es, g_ptr_array_index (stream.buffers, 0), &changed, out));
  fail_unless (hls_es_inspect (es, now, sizeof now, TRUE, &point, NULL, NULL) && point);
  fail_unless (hls_es_inspect (es, now, sizeof now, FALSE, &point, NULL, NULL) && !point);
  fail_unless (hls_es_inspect (es, later, sizeof later, TRUE, &point, NULL, NULL) && !point);
  fail_unless (hls_es_inspect (es, none, sizeof none, TRUE, &point, NULL, NULL) && !point);
  hls_es_free (es);
  stream_clear (&stream);
}

GST_END_TEST;

/* Slices are one span, untouched and not searched: bytes that look like start codes stay what they are. */
GST_START_TEST (test_spans)
{
  static const guint8 au[] = { 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x06, 0x05, 0x01, 0xaa, 0x80,
    0, 0, 1, 0x41, 0x9a, 0, 0, 1, 0x41, 0x9b, 0xff
  };
  HlsEs *es = es_of_string ("video/x-h264,stream-format=byte-stream,alignment=au");
  g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (HlsSpan));

  fail_unless (hls_es_to_ts (es, au, sizeof au, FALSE, spans, NULL));
  fail_unless_equals_int (spans->len, 3);
  /* zero_byte before the first start code, the delimiter, the rest */
  fail_unless_equals_int (g_array_index (spans, HlsSpan, 0).size, 1);
  fail_unless (g_array_index (spans, HlsSpan, 1).data == au && g_array_index (spans, HlsSpan, 1).size == 5);
  fail_unless (g_array_index (spans, HlsSpan, 2).data == au + 5);
  fail_unless_equals_int (g_array_index (spans, HlsSpan, 2).size, sizeof au - 5);
  hls_es_free (es);
}

GST_END_TEST;

/* --- audio --- */

static void
check_audio (const gchar * line, const gchar * codecs, guint rate, guint channels, guint samples,
    guint stream_type, guint stream_id, const gchar * descriptors, gsize descriptors_size)
{
  Stream stream;
  HlsEs *es;
  const HlsEsInfo *info;
  g_autoptr (GByteArray) out = g_byte_array_new ();

  encode (&stream, line);
  es = es_of_caps (stream.caps);
  for (guint i = 0; i < stream.buffers->len; i++) {
    GstBuffer *buffer = g_ptr_array_index (stream.buffers, i);
    gboolean changed;

    g_byte_array_set_size (out, 0);
    fail_unless (convert_buffer (es, buffer, &changed, out));
    fail_unless (!changed);
    fail_unless (out->len == gst_buffer_get_size (buffer) || out->len == gst_buffer_get_size (buffer) + 7);
  }
  fail_unless (hls_es_is_ready (es));
  info = hls_es_get_info (es);
  fail_unless_equals_string (info->codecs, codecs);
  fail_unless_equals_int (info->rate, rate);
  fail_unless_equals_int (info->channels, channels);
  fail_unless_equals_int (info->frame_samples, samples);
  fail_unless_equals_int_hex (info->stream_type, stream_type);
  fail_unless_equals_int_hex (info->stream_id, stream_id);
  fail_unless_equals_int (info->descriptors_size, descriptors_size);
  if (descriptors_size)
    fail_unless (memcmp (info->descriptors, descriptors, descriptors_size) == 0);
  hls_es_free (es);
  stream_clear (&stream);
}

GST_START_TEST (test_audio)
{
  check_audio (AUDIO (48000, 2) "avenc_aac ! aacparse ! audio/mpeg,stream-format=raw", "mp4a.40.2", 48000, 2, 1024,
      0x0f, 0xc0, NULL, 0);
  check_audio (AUDIO (44100, 1) "avenc_aac ! aacparse ! audio/mpeg,stream-format=adts", "mp4a.40.2", 44100, 1, 1024,
      0x0f, 0xc0, NULL, 0);
  check_audio (AUDIO (48000, 2) "avenc_ac3 bitrate=192000 ! ac3parse", "ac-3", 48000, 2, 1536, 0x81, 0xbd,
      "\x05\x04" "AC-3" "\x81\x03\x08\x28\x05", 11);
  check_audio (AUDIO (44100, 1) "avenc_ac3 bitrate=96000 ! ac3parse", "ac-3", 44100, 1, 1536, 0x81, 0xbd,
      "\x05\x04" "AC-3" "\x81\x03\x28\x18\x03", 11);
  check_audio (AUDIO (48000, 2) "avenc_eac3 bitrate=128000 ! ac3parse", "ec-3", 48000, 2, 1536, 0x87, 0xbd,
      "\x05\x04" "EAC3" "\xcc\x03\xc0\xc2\x30", 11);
  check_audio (AUDIO (48000, 2) "lamemp3enc ! mpegaudioparse", "mp4a.40.34", 48000, 2, 1152, 0x03, 0xc0, NULL, 0);
  check_audio (AUDIO (22050, 1) "lamemp3enc ! mpegaudioparse", "mp4a.40.34", 22050, 1, 576, 0x04, 0xc0, NULL, 0);
  check_audio (AUDIO (44100, 2) "twolamemp2enc bitrate=192 ! mpegaudioparse", "mp4a.40.33", 44100, 2, 1152, 0x03, 0xc0,
      NULL, 0);
  check_audio (AUDIO (24000, 1) "twolamemp2enc bitrate=32 ! mpegaudioparse", "mp4a.40.33", 24000, 1, 1152, 0x04, 0xc0,
      NULL, 0);
}

GST_END_TEST;

/* What is prepended to raw AAC is what aacparse would have, less the informative bits that it sets (private_bit,
 * original_copy, home, copyright). */
GST_START_TEST (test_adts_header)
{
  Stream raw, adts;
  HlsEs *es;

  encode (&raw, AUDIO (48000, 2) "avenc_aac ! aacparse ! audio/mpeg,stream-format=raw");
  encode (&adts, AUDIO (48000, 2) "avenc_aac ! aacparse ! audio/mpeg,stream-format=adts");
  fail_unless_equals_int (raw.buffers->len, adts.buffers->len);
  es = es_of_caps (raw.caps);
  for (guint i = 0; i < raw.buffers->len; i++) {
    g_autoptr (GByteArray) out = g_byte_array_new ();
    GstMapInfo map;
    gboolean changed;

    convert_buffer (es, g_ptr_array_index (raw.buffers, i), &changed, out);
    gst_buffer_map (g_ptr_array_index (adts.buffers, i), &map, GST_MAP_READ);
    fail_unless_equals_int (map.size, out->len);
    for (guint k = 0; k < map.size; k++)
      ts_check (((map.data[k] ^ out->data[k]) & ~(k == 2 ? 0x02 : k == 3 ? 0x3c : 0)) == 0, "byte %u: 0x%02x, not 0x%02x", k, out->data[k], map.data[k]);
    gst_buffer_unmap (g_ptr_array_index (adts.buffers, i), &map);
  }
  hls_es_free (es);
  stream_clear (&raw);
  stream_clear (&adts);
}

GST_END_TEST;

/* AudioSpecificConfigs, with SBR and PS signalled in either way. */
GST_START_TEST (test_audio_specific_config)
{
  static const struct
  {
    const gchar *config, *codecs, *adts;        /* adts: bytes 1 to 3 of a frame of 100 bytes */
    guint rate, channels;
  } good[] = {
    {"1190", "mp4a.40.2", "f14c80", 48000, 2},
    {"1210", "mp4a.40.2", "f15080", 44100, 2},
    {"11b0", "mp4a.40.2", "f14d80", 48000, 6},
    {"11b8", "mp4a.40.2", "f14dc0", 48000, 8},
    {"2b098800", "mp4a.40.5", "f15840", 24000, 1},      /* explicit, hierarchical */
    {"eb098800", "mp4a.40.29", "f15840", 24000, 2},
    {"131056e598", "mp4a.40.5", "f15880", 24000, 2},    /* explicit, backward compatible */
    {"130856e59d4880", "mp4a.40.29", "f15840", 24000, 2},
    {"131056e500", "mp4a.40.2", "f15880", 24000, 2},    /* says that there is no SBR */
    {"0990", "mp4a.40.1", "f10c80", 48000, 2},
  };
  static const gchar *const bad[] = { "11", "f8", "1780", "1194", "1180", "11c8", "b990", "2b09", "f8ff00", "178000ff10"
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autofree gchar *caps = g_strdup_printf ("audio/mpeg,mpegversion=4,stream-format=raw,codec_data=(buffer)%s",
        good[i].config);
    HlsEs *es = es_of_string (caps);
    const HlsEsInfo *info = hls_es_get_info (es);
    g_autoptr (GByteArray) out = g_byte_array_new ();
    guint8 frame[93] = { 0 };
    gboolean point, changed;
    g_autofree gchar *header = NULL;

    fail_unless (hls_es_is_ready (es));
    fail_unless_equals_string (info->codecs, good[i].codecs);
    fail_unless_equals_int (info->rate, good[i].rate);
    fail_unless_equals_int (info->channels, good[i].channels);
    fail_unless_equals_int (info->frame_samples, 1024);
    fail_unless (convert (es, frame, sizeof frame, TRUE, &point, &changed, out, NULL));
    fail_unless_equals_int (out->len, 100);
    header = g_strdup_printf ("%02x%02x%02x", out->data[1], out->data[2], out->data[3]);
    fail_unless_equals_string (header, good[i].adts);
    fail_unless (out->data[0] == 0xff && out->data[4] == 100 >> 3 && out->data[5] == ((100 & 7) << 5 | 0x1f) &&
        out->data[6] == 0xfc);
    hls_es_free (es);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree gchar *text = g_strdup_printf ("audio/mpeg,mpegversion=4,stream-format=raw,codec_data=(buffer)%s",
        bad[i]);
    g_autoptr (GstCaps) caps = gst_caps_from_string (text);
    g_autoptr (GError) error = NULL;

    fail_unless (hls_es_new (caps, &error) == NULL, "%s", text);
    fail_unless (g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
  }
}

GST_END_TEST;

GST_START_TEST (test_adts_changes)
{
  guint8 frame[32] = { 0xff, 0xf1, 0x4c, 0x80, 32 >> 3, 0x1f, 0xfc };
  HlsEs *es = es_of_string ("audio/mpeg,mpegversion=4,stream-format=adts,framed=true");
  gboolean point, changed;

  fail_unless (!hls_es_is_ready (es));
  fail_unless (hls_es_inspect (es, frame, 32, TRUE, &point, &changed, NULL) && !changed && point);
  fail_unless (hls_es_is_ready (es));
  frame[5] = 0x00;              /* another fullness is not another stream */
  fail_unless (hls_es_inspect (es, frame, 32, TRUE, &point, &changed, NULL) && !changed);
  frame[2] = 0x50;
  fail_unless (hls_es_inspect (es, frame, 32, TRUE, &point, &changed, NULL) && changed);
  fail_unless_equals_int (hls_es_get_info (es)->rate, 44100);
  fail_unless (hls_es_inspect (es, frame, 32, TRUE, &point, &changed, NULL) && !changed);
  hls_es_free (es);

  es = es_of_string ("audio/mpeg,mpegversion=4,stream-format=adts,profile=he-aac-v2");
  fail_unless (hls_es_inspect (es, frame, 32, TRUE, NULL, NULL, NULL));
  fail_unless_equals_string (hls_es_get_info (es)->codecs, "mp4a.40.29");
  hls_es_free (es);
}

GST_END_TEST;

/* --- what is refused --- */

GST_START_TEST (test_caps)
{
  static const struct
  {
    const gchar *caps, *message;
  } bad[] = {
    {"video/x-vp9", "video/x-vp9 cannot be carried in a transport stream"},
    {"video/x-h264,stream-format=byte-stream,alignment=nal", "alignment is nal; it must be au"},
    {"video/x-h264,stream-format=byte-stream", "alignment is missing"},
    {"video/x-h264,alignment=au", "stream-format is missing"},
    {"video/x-h264,stream-format=bs,alignment=au", "byte-stream, avc and avc3 are supported"},
    {"video/x-h264,stream-format=avc,alignment=au", "no codec_data"},
    {"video/x-h264,stream-format=avc,alignment=au,codec_data=(buffer)01", "no AVCDecoderConfigurationRecord"},
    {"video/x-h264,stream-format=avc,alignment=au,codec_data=(buffer)0142c00affe1ffff67", "no AVCDecoderConfigurationRecord"},
    {"video/x-h265,stream-format=hvc1,alignment=au", "no codec_data"},
    {"video/x-h265,stream-format=avc,alignment=au", "byte-stream, hvc1 and hev1 are supported"},
    {"video/x-h265,stream-format=hvc1,alignment=au,codec_data=(buffer)0101", "no HEVCDecoderConfigurationRecord"},
    {"audio/mpeg,mpegversion=4,stream-format=loas", "raw and adts are supported"},
    {"audio/mpeg,mpegversion=4,stream-format=raw", "no codec_data"},
    {"audio/mpeg,mpegversion=3", "mpegversion is 3"},
    {"audio/mpeg,mpegversion=1,layer=1", "layer 1 is not supported"},
    {"audio/mpeg", "mpegversion is missing"},
    {"audio/x-ac3,alignment=iec61937", "alignment is iec61937; it must be frame"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GstCaps) caps = gst_caps_from_string (bad[i].caps);
    g_autoptr (GError) error = NULL;

    fail_unless (hls_es_new (caps, &error) == NULL, "%s", bad[i].caps);
    fail_unless (g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
    fail_unless (strstr (error->message, bad[i].message) != NULL, "%s: %s", bad[i].caps, error->message);
  }
}

GST_END_TEST;

GST_START_TEST (test_template_caps)
{
  static const gchar *const parsers[] = { "h264parse", "h265parse", "aacparse", "ac3parse", "mpegaudioparse" };

  for (guint i = 0; i < G_N_ELEMENTS (parsers); i++) {
    GstCaps *ours = hls_es_ts_caps (i < 2 ? HLS_ES_VIDEO : HLS_ES_AUDIO);
    GstElement *parser = gst_element_factory_make (parsers[i], NULL);
    GstPad *pad;

    fail_unless (parser != NULL, "%s", parsers[i]);
    pad = gst_element_get_static_pad (parser, "src");
    {
      GstCaps *caps = gst_pad_get_pad_template_caps (pad);

      fail_unless (gst_caps_can_intersect (ours, caps), "%s", parsers[i]);
      gst_caps_unref (caps);
    }
    gst_object_unref (pad);
    gst_object_unref (parser);
    gst_caps_unref (ours);
  }
}

GST_END_TEST;

GST_START_TEST (test_bad_access_units)
{
  static const gchar *const h264_caps = "video/x-h264,stream-format=byte-stream,alignment=au";
  static const struct
  {
    const gchar *caps;
    const gchar *bytes;
    gsize size;
    const gchar *message;
  } bad[] = {
    {h264_caps, "", 0, "empty"},
    {h264_caps, "\0\0\0\0", 4, "no slice"},
    {h264_caps, "\x41\x9a\0\0\1", 5, "no start code at byte 0"},
    {h264_caps, "\0\0\1", 3, "cut off in its header"},
    {h264_caps, "\0\0\1\x09\xf0", 5, "no slice"},
    {h264_caps, "\0\0\1\xc1\x9a", 5, "forbidden_zero_bit"},
    {h264_caps, "\0\0\1\x67\x42", 5, "sequence parameter set of 2 bytes makes no sense"},
    {h264_caps, "\0\0\1\x68", 4, "picture parameter set of 1 bytes makes no sense"},
    {"audio/mpeg,mpegversion=4,stream-format=adts", "\xff\xf1\x4c\x80", 4, "do not begin with an ADTS header"},
    {"audio/mpeg,mpegversion=4,stream-format=adts", "\xff\xf1\x4c\x80\x04\x1f\xfc\x00", 8, "32 bytes, the buffer has 8"},
    {"audio/mpeg,mpegversion=4,stream-format=adts", "\xff\xf1\x7c\x80\x01\x1f\xfc\x00", 8, "reserved sampling frequency"},
    {"audio/mpeg,mpegversion=1,layer=3", "\xff\xfb\x90", 3, "do not begin with a frame header"},
    {"audio/mpeg,mpegversion=1,layer=3", "\xff\xfb\x90\x64", 4, "417 bytes, the buffer has 4"},
    {"audio/mpeg,mpegversion=1,layer=3", "\xff\xff\x90\x64", 4, "layer 1"},
    {"audio/mpeg,mpegversion=1,layer=3", "\xff\xfb\x00\x64", 4, "free format"},
    {"audio/mpeg,mpegversion=1,layer=3", "\xff\xfb\xf0\x64", 4, "reserved values"},
    {"audio/x-ac3", "\x0b\x77\0\0\x14", 5, "no sync word"},
    {"audio/x-ac3", "\x0b\x77\0\0\x14\x40\x43\xe1", 8, "768 bytes, but 8 are left"},
    {"audio/x-ac3", "\x0b\x77\0\0\xd4\x40\x43\xe1", 8, "reserved values"},
    {"audio/x-ac3", "\x0b\x77\0\0\x14\x80\x43\xe1", 8, "bsid 16, which is E-AC-3"},
    {"audio/x-eac3", "\x0b\x77\0\0\x14\x40\x43\xe1", 8, "bsid 8, which is AC-3"},
    {"audio/x-eac3", "\x0b\x77\x40\x03\x34\x80\0\0", 8, "does not begin with independent substream 0"},
    {"audio/x-eac3", "\x0b\x77\0\x03\x34\x80\0\0\0", 9, "no sync word at byte 8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    HlsEs *es = es_of_string (bad[i].caps);
    g_autoptr (GError) error = NULL;

    fail_unless (!hls_es_inspect (es, (const guint8 *) bad[i].bytes, bad[i].size, TRUE, NULL, NULL, &error), "%u", i);
    fail_unless (error != NULL);
    fail_unless (strstr (error->message, bad[i].message) != NULL, "%u: %s", i, error->message);
    fail_unless (!hls_es_is_ready (es));
    hls_es_free (es);
  }
}

GST_END_TEST;

/* Cuts, flipped bytes and noise, each in a piece of memory of just its size, for AddressSanitizer: either an error or
 * spans that can be read. */
static void
torture (const GstCaps * caps, const guint8 * data, gsize size, GRand * rand)
{
  HlsEs *es = es_of_caps (caps);

  for (guint round = 0; round < 1500; round++) {
    gsize n = round < 600 ? MIN (round, size) : (gsize) g_rand_int_range (rand, 1, size + 1);
    g_autofree guint8 *copy = g_malloc (n);
    g_autoptr (GByteArray) out = g_byte_array_new ();
    g_autoptr (GError) error = NULL;
    gboolean point, changed;

    if (n)
      memcpy (copy, data, n);
    if (round >= 600 && n) {
      guint flips = g_rand_int_range (rand, 0, 6);

      while (flips--)
        copy[g_rand_int_range (rand, 0, MIN (n, 400))] = g_rand_int (rand);
    }
    if (round > 1200)
      for (gsize i = g_rand_int_range (rand, 0, 8); i < n; i++)
        copy[i] = g_rand_int_range (rand, 0, 3) ? g_rand_int_range (rand, 0, 4) : (gint) (g_rand_int (rand) & 0xff);
    if (!convert (es, copy, n, TRUE, &point, &changed, out, &error))
      fail_unless (error != NULL && strlen (error->message) > 10);
    else
      fail_unless (error == NULL && out->len >= n);
  }
  hls_es_free (es);
}

static void
torture_codec_data (const GstCaps * caps, GRand * rand)
{
  const GValue *value = gst_structure_get_value (gst_caps_get_structure (caps, 0), "codec_data");
  GstMapInfo map;

  if (!value)
    return;
  gst_buffer_map (gst_value_get_buffer (value), &map, GST_MAP_READ);
  for (guint round = 0; round < 1000; round++) {
    gsize n = round <= map.size ? round : (gsize) g_rand_int_range (rand, 1, map.size + 1);
    g_autoptr (GstCaps) other = gst_caps_copy (caps);
    g_autoptr (GError) error = NULL;
    guint8 *copy = g_memdup2 (map.data, n);
    GstBuffer *buffer;
    HlsEs *es;

    for (guint flips = round > map.size ? 1 + round % 5 : 0; flips > 0; flips--)
      copy[g_rand_int_range (rand, 0, n)] = g_rand_int (rand);
    buffer = n ? gst_buffer_new_wrapped (copy, n) : gst_buffer_new ();
    gst_caps_set_simple (other, "codec_data", GST_TYPE_BUFFER, buffer, NULL);
    gst_buffer_unref (buffer);
    es = hls_es_new (other, &error);
    fail_unless ((es == NULL) == (error != NULL));
    hls_es_free (es);
  }
  gst_buffer_unmap (gst_value_get_buffer (value), &map);
}

GST_START_TEST (test_torture)
{
  static const gchar *const lines[] = {
    VIDEO (320, 180, "25/1", 4) X264 "h264parse ! video/x-h264,stream-format=byte-stream,alignment=au",
    VIDEO (320, 180, "25/1", 4) X264 "h264parse ! video/x-h264,stream-format=avc,alignment=au",
    VIDEO (320, 180, "25/1", 4) X265 "video/x-h265,stream-format=byte-stream,alignment=au",
    VIDEO (320, 180, "25/1", 4) X265 "video/x-h265,stream-format=hvc1,alignment=au",
    AUDIO (48000, 2) "avenc_aac ! aacparse ! audio/mpeg,stream-format=raw",
    AUDIO (48000, 2) "avenc_aac ! aacparse ! audio/mpeg,stream-format=adts",
    AUDIO (48000, 2) "avenc_ac3 ! ac3parse",
    AUDIO (48000, 2) "avenc_eac3 ! ac3parse",
    AUDIO (48000, 2) "lamemp3enc ! mpegaudioparse",
    AUDIO (48000, 2) "twolamemp2enc ! mpegaudioparse",
  };
  GRand *rand = g_rand_new_with_seed (__i__ + 1);
  Stream stream;

  encode (&stream, lines[__i__]);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *buffer = g_ptr_array_index (stream.buffers, i);
    GstMapInfo map;

    gst_buffer_map (buffer, &map, GST_MAP_READ);
    torture (stream.caps, map.data, map.size, rand);
    gst_buffer_unmap (buffer, &map);
  }
  torture_codec_data (stream.caps, rand);
  stream_clear (&stream);
  g_rand_free (rand);
}

GST_END_TEST;

/* --- muxed, and judged by others --- */

static guint8 *
next_block (gpointer user, gsize filled, gsize * size)
{
  GByteArray *out = user;
  guint base = out->len;

  /* The block is the array's own end, given back when the next is asked for. */
  g_byte_array_set_size (out, base + 4096 * TS_PACKET_SIZE);
  *size = 4096 * TS_PACKET_SIZE;
  fail_unless (filled == 0);
  return out->data + base;
}

static gint64
to_90k (GstClockTime time)
{
  return gst_util_uint64_scale_round (time, TS_CLOCK_RATE, GST_SECOND);
}

typedef struct
{
  Stream stream;
  HlsEs *es;
  guint index, next;
  gint64 offset;
} Track;

static gint64
track_dts (const Track * t, guint i)
{
  GstBuffer *buffer;

  if (i >= t->stream.buffers->len)
    return G_MAXINT64;
  buffer = g_ptr_array_index (t->stream.buffers, i);
  return to_90k (GST_BUFFER_DTS_OR_PTS (buffer)) + t->offset;
}

static void
track_write (Track * t, TsMux * mux)
{
  GstBuffer *buffer = g_ptr_array_index (t->stream.buffers, t->next);
  g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (HlsSpan));
  g_autoptr (GError) error = NULL;
  gint64 dts = track_dts (t, t->next), next = track_dts (t, t->next + 1);
  gboolean point;
  GstMapInfo map;

  gst_buffer_map (buffer, &map, GST_MAP_READ);
  fail_unless (hls_es_inspect (t->es, map.data, map.size, !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT),
          &point, NULL, &error), "%s", error ? error->message : "");
  fail_unless (hls_es_to_ts (t->es, map.data, map.size, point, spans, &error));
  ts_mux_write (mux, t->index, (const HlsSpan *) spans->data, spans->len, to_90k (GST_BUFFER_PTS (buffer)) + t->offset,
      dts, next == G_MAXINT64 ? 0 : next - dts, point);
  gst_buffer_unmap (buffer, &map);
  t->next++;
}

/* TRUE if the command said nothing and exited with 0. */
static void
expect_silence (const gchar * const *argv)
{
  g_autofree gchar *out = NULL, *err = NULL;
  g_autoptr (GError) error = NULL;
  gint status;

  fail_unless (g_spawn_sync (NULL, (gchar **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error),
      "%s", error ? error->message : "");
  fail_unless (status == 0 && err[0] == 0, "%s: %s %s", argv[0], err, status ? out : "");
}

static void
play (const gchar * file)
{
  const gchar *argv[] = { "ffmpeg", "-nostdin", "-v", "warning", "-threads", "1", "-i", file, "-map", "0", "-f", "null",
    "-", NULL
  };

  expect_silence (argv);
}

static void
mux_and_play (const gchar * video, const gchar * audio, gboolean locked)
{
  Track tracks[2] = { 0 };
  guint n = 0;
  TsMuxConfig config;
  g_autoptr (GByteArray) out = g_byte_array_new (), row = g_byte_array_new ();
  g_autoptr (GPtrArray) check = g_ptr_array_new ();
  g_autofree gchar *folder = g_dir_make_tmp ("test-es-XXXXXX", NULL);
  g_autofree gchar *checker = g_build_filename (g_getenv ("TEST_SERVERS") ? g_getenv ("TEST_SERVERS") : "tests/servers",
      "ts_check.py", NULL);
  g_autofree gchar *row_name = g_build_filename (folder, "row.ts", NULL);
  TsRead *r = ts_read_new ();
  TsMux *mux;

  ts_mux_config_init (&config);
  mux = ts_mux_new (&config, next_block, out);
  for (guint i = 0; i < 2; i++) {
    const gchar *line = i ? audio : video;
    Track *t = &tracks[n];
    GstBuffer *buffer;
    GstMapInfo map;

    if (!line)
      continue;
    encode (&t->stream, line);
    t->es = es_of_caps (t->stream.caps);
    buffer = g_ptr_array_index (t->stream.buffers, 0);
    t->offset = 10 * TS_CLOCK_RATE - to_90k (GST_BUFFER_PTS (buffer));
    gst_buffer_map (buffer, &map, GST_MAP_READ);
    fail_unless (hls_es_inspect (t->es, map.data, map.size, TRUE, NULL, NULL, NULL));
    gst_buffer_unmap (buffer, &map);
    t->index = ts_mux_add_stream (mux, hls_es_get_info (t->es), 0, i ? "eng" : NULL);
    n++;
  }

  g_ptr_array_add (check, (gpointer) "/usr/bin/python3");
  g_ptr_array_add (check, checker);
  g_ptr_array_add (check, (gpointer) (locked ? "--locked" : "--continuous"));
  for (guint segment = 0; segment < 2; segment++) {
    /* Keyframes are 50 frames apart, at 25 fps; audio is cut at the same time. */
    gint64 end = segment ? G_MAXINT64 : (10 + 2) * TS_CLOCK_RATE;
    guint last = segment ? G_MAXUINT : 50;
    gchar *name = g_strdup_printf ("%s/%u.ts", folder, segment);
    gsize base = 0;
    guint64 total;

    g_byte_array_set_size (out, 0);
    ts_mux_begin_segment (mux, segment, locked);
    while (TRUE) {
      gint64 v = video && tracks[0].next < last ? track_dts (&tracks[0], tracks[0].next) : G_MAXINT64;
      gint64 a = audio ? track_dts (&tracks[n - 1], tracks[n - 1].next) : G_MAXINT64;

      if (a >= end)
        a = G_MAXINT64;
      if (v == G_MAXINT64 && a == G_MAXINT64)
        break;
      track_write (v <= a ? &tracks[0] : &tracks[n - 1], mux);
    }
    ts_mux_end_segment (mux, &total);
    fail_unless (total > 10 * TS_PACKET_SIZE && base + total < 4096 * TS_PACKET_SIZE);
    g_byte_array_set_size (out, total);
    ts_read_segment (r, out->data, out->len);
    g_byte_array_append (row, out->data, out->len);
    fail_unless (g_file_set_contents (name, (const gchar *) out->data, out->len, NULL));
    play (name);
    g_ptr_array_add (check, name);
  }
  fail_unless (r->max_gap > 0 && r->max_gap <= 40 * 27000);
  g_ptr_array_add (check, NULL);
  expect_silence ((const gchar * const *) check->pdata);
  fail_unless (g_file_set_contents (row_name, (const gchar *) row->data, row->len, NULL));
  play (row_name);

  g_unlink (row_name);
  for (guint i = 3; i + 1 < check->len; i++) {
    g_unlink (check->pdata[i]);
    g_free (check->pdata[i]);
  }
  g_rmdir (folder);
  ts_mux_free (mux);
  ts_read_free (r);
  for (guint i = 0; i < n; i++) {
    hls_es_free (tracks[i].es);
    stream_clear (&tracks[i].stream);
  }
}

#define H264_100 VIDEO (320, 180, "25/1", 100) X264 "h264parse ! video/x-h264,stream-format="
#define H265_100 VIDEO (320, 180, "25/1", 100) X265 "video/x-h265,stream-format="
#define AAC_4S "audiotestsrc num-buffers=188 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! " \
    "audio/mpeg,stream-format="

static const struct
{
  const gchar *video, *audio;
} programs[] = {
  {H264_100 "byte-stream", AAC_4S "raw"},
  {H264_100 "avc", AAC_4S "adts"},
  {H265_100 "byte-stream", AUDIO (48000, 2) "avenc_ac3 ! ac3parse"},
  {H265_100 "hvc1", AUDIO (48000, 2) "avenc_eac3 ! ac3parse"},
  {H264_100 "avc3", AUDIO (48000, 2) "lamemp3enc ! mpegaudioparse"},
  {H264_100 "avc", AUDIO (48000, 2) "twolamemp2enc ! mpegaudioparse"},
  {H264_100 "avc", NULL},
  {NULL, AAC_4S "raw"},
  {NULL, AUDIO (48000, 2) "avenc_ac3 ! ac3parse"},
  {NULL, AUDIO (48000, 2) "avenc_eac3 ! ac3parse"},
  {NULL, AUDIO (48000, 2) "lamemp3enc ! mpegaudioparse"},
  {NULL, AUDIO (48000, 1) "twolamemp2enc mode=mono bitrate=32 ! mpegaudioparse"},
};

GST_START_TEST (test_mux_and_play)
{
  mux_and_play (programs[__i__ / 2].video, programs[__i__ / 2].audio, __i__ % 2);
}

GST_END_TEST;

static Suite *
es_suite (void)
{
  Suite *s = suite_create ("es");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, test_h264);
  tcase_add_test (tc, test_h265);
  tcase_add_test (tc, test_vui_frame_rate);
  tcase_add_test (tc, test_change);
  tcase_add_test (tc, test_recovery_point);
  tcase_add_test (tc, test_spans);
  tcase_add_test (tc, test_audio);
  tcase_add_test (tc, test_adts_header);
  tcase_add_test (tc, test_audio_specific_config);
  tcase_add_test (tc, test_adts_changes);
  tcase_add_test (tc, test_caps);
  tcase_add_test (tc, test_template_caps);
  tcase_add_test (tc, test_bad_access_units);
  tcase_add_loop_test (tc, test_torture, 0, 10);
  tcase_add_loop_test (tc, test_mux_and_play, 0, 2 * G_N_ELEMENTS (programs));
  return s;
}

GST_CHECK_MAIN (es);
