/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "es-private.h"

/* PES_packet_length has 16 bits and may be 0 (not said) for video only: ISO/IEC 13818-1,
 * 2.4.3.7. Eight bytes of it are the header's. */
#define MAX_AUDIO_AU (65535 - 8)

static const struct
{
  const gchar *media_type;
  HlsEsType type;
  const gchar *caps;
  HlsEs *(*create) (const GstStructure * caps, GError ** error);
} codecs[] = {
  {"video/x-h264", HLS_ES_VIDEO,
        "video/x-h264, stream-format=(string){ byte-stream, avc, avc3 }, alignment=(string)au",
      hls_es_h264_new},
  {"video/x-h265", HLS_ES_VIDEO,
        "video/x-h265, stream-format=(string){ byte-stream, hvc1, hev1 }, alignment=(string)au",
      hls_es_h265_new},
  {"audio/mpeg", HLS_ES_AUDIO,
        "audio/mpeg, mpegversion=(int){ 2, 4 }, stream-format=(string){ adts, raw }, framed=(boolean)true;"
        "audio/mpeg, mpegversion=(int)1, layer=(int)[ 2, 3 ], parsed=(boolean)true",
      NULL},
  {"audio/x-ac3", HLS_ES_AUDIO,
      "audio/x-ac3, framed=(boolean)true, alignment=(string)frame", hls_es_ac3_new},
  {"audio/x-eac3", HLS_ES_AUDIO,
      "audio/x-eac3, framed=(boolean)true, alignment=(string)frame", hls_es_ac3_new},
};

HlsEs *
hls_es_new (const GstCaps * caps, GError ** error)
{
  const GstStructure *s;
  g_autofree gchar *text = NULL;

  g_return_val_if_fail (GST_IS_CAPS (caps) && gst_caps_is_fixed (caps), NULL);

  s = gst_caps_get_structure (caps, 0);
  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++) {
    HlsEs *es;
    gint version = 0;

    if (!gst_structure_has_name (s, codecs[i].media_type))
      continue;
    if (codecs[i].create)
      es = codecs[i].create (s, error);
    else if (!gst_structure_get_int (s, "mpegversion", &version) || version == 1)
      es = hls_es_mpa_new (s, error);
    else
      es = hls_es_aac_new (s, error);
    return es;
  }

  text = gst_caps_to_string (caps);
  g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "%s cannot be carried in a transport stream; H.264 (video/x-h264), H.265 (video/x-h265), "
      "AAC, MP3 and MPEG layer 2 (audio/mpeg), AC-3 (audio/x-ac3) and E-AC-3 (audio/x-eac3) can", text);
  return NULL;
}

void
hls_es_free (HlsEs * es)
{
  if (!es)
    return;
  if (es->klass->clear)
    es->klass->clear (es);
  g_free (es->info.codecs);
  g_free (es);
}

const HlsEsInfo *
hls_es_get_info (const HlsEs * es)
{
  return &es->info;
}

gboolean
hls_es_is_ready (const HlsEs * es)
{
  return es->ready;
}

static gboolean
check_size (const HlsEs * es, const guint8 * data, gsize size, GError ** error)
{
  if (!data || size == 0)
    return hls_es_fail (es, error, "the buffer is empty; each must be one access unit");
  if (es->info.type == HLS_ES_AUDIO && size > MAX_AUDIO_AU)
    return hls_es_fail (es, error, "an access unit of %" G_GSIZE_FORMAT " bytes does not fit one "
        "PES packet; at most %d do", size, MAX_AUDIO_AU);
  return TRUE;
}

gboolean
hls_es_inspect (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
    gboolean * random_access, gboolean * changed, GError ** error)
{
  gboolean was_ready = es->ready, is_random_access = FALSE;
  guint changes = es->changes;

  if (!check_size (es, data, size, error) ||
      !es->klass->inspect (es, data, size, keyframe, &is_random_access, error))
    return FALSE;
  if (random_access)
    *random_access = is_random_access;
  /* What becomes known for the first time has not changed. */
  if (changed)
    *changed = was_ready && es->changes != changes;
  return TRUE;
}

gboolean
hls_es_to_ts (HlsEs * es, const guint8 * data, gsize size, gboolean random_access,
    GArray * spans, GError ** error)
{
  return check_size (es, data, size, error) &&
      es->klass->to_ts (es, data, size, random_access, spans, error);
}

GstCaps *
hls_es_ts_caps (HlsEsType type)
{
  GstCaps *caps = gst_caps_new_empty ();

  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++)
    if (codecs[i].type == type)
      gst_caps_append (caps, gst_caps_from_string (codecs[i].caps));
  return caps;
}

void
hls_es_set_codecs (HlsEs * es, const gchar * text)
{
  if (g_strcmp0 (es->info.codecs, text) == 0)
    return;
  g_free (es->info.codecs);
  es->info.codecs = g_strdup (text);
  es->changes++;
}

void
hls_es_set_video (HlsEs * es, guint width, guint height, gint fps_n, gint fps_d)
{
  if (es->caps_fps_n > 0) {
    fps_n = es->caps_fps_n;
    fps_d = es->caps_fps_d;
  }
  if (fps_n <= 0 || fps_d <= 0) {
    fps_n = 0;
    fps_d = 1;
  }
  if (es->info.width == width && es->info.height == height && es->info.fps_n == fps_n && es->info.fps_d == fps_d)
    return;
  es->info.width = width;
  es->info.height = height;
  es->info.fps_n = fps_n;
  es->info.fps_d = fps_d;
  es->changes++;
}

void
hls_es_set_audio (HlsEs * es, guint rate, guint channels, guint frame_samples)
{
  if (es->info.rate == rate && es->info.channels == channels && es->info.frame_samples == frame_samples)
    return;
  es->info.rate = rate;
  es->info.channels = channels;
  es->info.frame_samples = frame_samples;
  es->changes++;
}

void
hls_es_set_stream_type (HlsEs * es, guint8 stream_type)
{
  if (es->info.stream_type == stream_type)
    return;
  es->info.stream_type = stream_type;
  es->changes++;
}

void
hls_es_set_descriptors (HlsEs * es, const guint8 * data, gsize size)
{
  g_return_if_fail (size <= HLS_ES_DESCRIPTORS_MAX);

  if (es->info.descriptors_size == size && memcmp (es->descriptors, data, size) == 0)
    return;
  memcpy (es->descriptors, data, size);
  es->info.descriptors = es->descriptors;
  es->info.descriptors_size = size;
  es->changes++;
}

gboolean
hls_es_fail (const HlsEs * es, GError ** error, const gchar * format, ...)
{
  g_autofree gchar *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "%s: %s", es->info.name, text);
  return FALSE;
}
