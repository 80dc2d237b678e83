/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MPEG audio, layers 2 and 3. Normative references: ISO/IEC 11172-3 (2.4.1.3 header), ISO/IEC
 * 13818-3 (2.4.2.3 lower sampling rates), ISO/IEC 13818-1 (table 2-34), RFC 6381 (3.3; object
 * types 33 and 34 of ISO/IEC 14496-3).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "es-private.h"

#define HEADER_SIZE 4

/* kb/s, by [layer 2 or 3][MPEG-1 or lower rates][bitrate_index]. */
static const guint16 kbps[2][2][15] = {
  {{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}},
  {{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}},
};

static gboolean
mpa_inspect (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
    gboolean * random_access, GError ** error)
{
  static const guint rates[] = { 44100, 48000, 32000 };
  guint version, layer, bitrate, rate, samples, kb;
  gsize length;

  *random_access = TRUE;
  if (size < HEADER_SIZE || data[0] != 0xff || (data[1] & 0xe0) != 0xe0)
    return hls_es_fail (es, error, "%" G_GSIZE_FORMAT " bytes that do not begin with a frame header", size);
  version = data[1] >> 3 & 3;   /* 3: MPEG-1, 2: MPEG-2, 0: 2.5 */
  layer = 4 - (data[1] >> 1 & 3);
  bitrate = data[2] >> 4;
  rate = data[2] >> 2 & 3;
  if (version == 1 || layer == 4 || rate == 3 || bitrate == 15)
    return hls_es_fail (es, error, "a frame header with reserved values (%02x%02x%02x%02x)",
        data[0], data[1], data[2], data[3]);
  if (layer == 1)
    return hls_es_fail (es, error, "layer 1 is not supported; layers 2 and 3 are");
  if (bitrate == 0)
    return hls_es_fail (es, error, "free format is not supported; frames must say their bit rate");

  kb = kbps[layer - 2][version != 3][bitrate];
  rate = rates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
  samples = layer == 3 && version != 3 ? 576 : 1152;
  length = samples / 8 * kb * 1000 / rate + (data[2] >> 1 & 1);
  if (length != size)
    return hls_es_fail (es, error, "the frame header says %" G_GSIZE_FORMAT " bytes, the buffer has %"
        G_GSIZE_FORMAT "; each buffer must be one frame (put mpegaudioparse in front)", length, size);

  hls_es_set_codecs (es, layer == 3 ? "mp4a.40.34" : "mp4a.40.33");
  hls_es_set_audio (es, rate, data[3] >> 6 == 3 ? 1 : 2, samples);
  hls_es_set_stream_type (es, version == 3 ? 0x03 : 0x04);
  es->ready = TRUE;
  return TRUE;
}

static gboolean
mpa_to_ts (HlsEs * es, const guint8 * data, gsize size, gboolean random_access, GArray * spans, GError ** error)
{
  hls_spans_add (spans, data, size);
  return TRUE;
}

static const HlsEsClass mpa_class = { mpa_inspect, mpa_to_ts, NULL };

HlsEs *
hls_es_mpa_new (const GstStructure * caps, GError ** error)
{
  HlsEs *es = g_new0 (HlsEs, 1);
  gint version = 0, layer = 0;

  gst_structure_get_int (caps, "mpegversion", &version);
  gst_structure_get_int (caps, "layer", &layer);
  es->klass = &mpa_class;
  es->info.type = HLS_ES_AUDIO;
  es->info.name = layer == 2 ? "MPEG layer 2" : layer == 3 ? "MP3" : "MPEG audio";
  es->info.stream_type = 0x03;
  es->info.stream_id = 0xc0;
  es->info.fps_d = 1;
  if (version != 1 || layer == 1) {
    if (version != 1)
      hls_es_fail (es, error, "caps field mpegversion is missing; 1 (with layer 2 or 3), 2 and 4 are supported");
    else
      hls_es_fail (es, error, "layer 1 is not supported; layers 2 and 3 are");
    hls_es_free (es);
    return NULL;
  }
  return es;
}
