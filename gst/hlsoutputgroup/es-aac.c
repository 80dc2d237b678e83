/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AAC. Normative references: ISO/IEC 14496-3 (1.6.2.1 AudioSpecificConfig, 1.6.5 and 1.6.6
 * signalling of SBR and PS, 1.A.3.2 ADTS), RFC 6381 (3.3, the codecs parameter mp4a.40.N).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/base/gstbitreader.h>
#include <gst/pbutils/codec-utils.h>

#include "es-private.h"

#define ADTS_HEADER_SIZE 7
#define ADTS_MAX_FRAME 8191
#define FRAME_SAMPLES 1024

enum
{
  AOT_MAIN = 1, AOT_LC = 2, AOT_LTP = 4, AOT_SBR = 5, AOT_PS = 29
};

typedef struct
{
  HlsEs es;
  gboolean raw;
  guint8 header[ADTS_HEADER_SIZE];      /* raw: to be put before each frame, less its length */
  guint32 seen;                 /* ADTS: the fixed header seen last */
  guint signalled;              /* ADTS: the object type that the caps speak of, or 0 */
} HlsAac;

#define HLS_AAC(es) ((HlsAac *) (es))

/* channelConfiguration 1 to 7, and 0, which says nothing. */
static guint
channels_of (guint configuration)
{
  return configuration == 7 ? 8 : configuration;
}

static void
set_object_type (HlsAac * aac, guint type)
{
  gchar codecs[sizeof "mp4a.40.99"];

  g_snprintf (codecs, sizeof codecs, "mp4a.40.%u", type);
  hls_es_set_codecs (&aac->es, codecs);
}

static gboolean
get_object_type (GstBitReader * bits, guint * type)
{
  guint32 value, more;

  if (!gst_bit_reader_get_bits_uint32 (bits, &value, 5))
    return FALSE;
  if (value == 31) {
    if (!gst_bit_reader_get_bits_uint32 (bits, &more, 6))
      return FALSE;
    value = 32 + more;
  }
  *type = value;
  return TRUE;
}

static gboolean
get_rate (GstBitReader * bits, guint * rate)
{
  guint32 index, value;

  if (!gst_bit_reader_get_bits_uint32 (bits, &index, 4))
    return FALSE;
  value = gst_codec_utils_aac_get_sample_rate_from_index (index);
  if (index == 15 && !gst_bit_reader_get_bits_uint32 (bits, &value, 24))
    return FALSE;
  *rate = value;
  return value > 0;
}

/* After the core's configuration: SBR and PS signalled in a way that old decoders skip. */
static void
read_sync_extension (GstBitReader * bits, guint * extension)
{
  guint32 sync;
  guint8 present;
  guint type, rate;

  if (!gst_bit_reader_get_bits_uint32 (bits, &sync, 11) || sync != 0x2b7 || !get_object_type (bits, &type) ||
      type != AOT_SBR || !gst_bit_reader_get_bits_uint8 (bits, &present, 1) || !present)
    return;
  *extension = AOT_SBR;
  if (get_rate (bits, &rate) && gst_bit_reader_get_bits_uint32 (bits, &sync, 11) && sync == 0x548 &&
      gst_bit_reader_get_bits_uint8 (bits, &present, 1) && present)
    *extension = AOT_PS;
}

/* Of AudioSpecificConfig, and of GASpecificConfig what is needed. */
static gboolean
read_codec_data (HlsAac * aac, const guint8 * data, gsize size, GError ** error)
{
  GstBitReader bits;
  guint type, rate, extension_rate, extension = 0;
  guint32 channels;
  guint8 short_frames, core_coder, extended;
  gint index;

  gst_bit_reader_init (&bits, data, size);
  if (!get_object_type (&bits, &type) || !get_rate (&bits, &rate) ||
      !gst_bit_reader_get_bits_uint32 (&bits, &channels, 4))
    goto malformed;
  if (type == AOT_SBR || type == AOT_PS) {
    extension = type;
    if (!get_rate (&bits, &extension_rate) || !get_object_type (&bits, &type))
      goto malformed;
  }
  if (type < AOT_MAIN || type > AOT_LTP)
    return hls_es_fail (&aac->es, error, "audio object type %u cannot be carried in ADTS; Main, LC, SSR and LTP "
        "(1 to 4), with or without SBR and PS, can", type);
  if (!gst_bit_reader_get_bits_uint8 (&bits, &short_frames, 1) ||
      !gst_bit_reader_get_bits_uint8 (&bits, &core_coder, 1) || (core_coder && !gst_bit_reader_skip (&bits, 14)) ||
      !gst_bit_reader_get_bits_uint8 (&bits, &extended, 1))
    goto malformed;
  if (short_frames)
    return hls_es_fail (&aac->es, error, "frames of 960 samples cannot be carried in ADTS; frames of 1024 can");
  if (channels == 0 || channels > 7)
    return hls_es_fail (&aac->es, error, "channel configuration %u of raw AAC is not supported; 1 to 7 are "
        "(or ADTS, where the encoder can write it)", channels);
  index = gst_codec_utils_aac_get_index_from_sample_rate (rate);
  if (index < 0)
    return hls_es_fail (&aac->es, error, "a sampling rate of %u Hz cannot be carried in ADTS", rate);
  if (extension == 0)
    read_sync_extension (&bits, &extension);

  set_object_type (aac, extension ? extension : type);
  hls_es_set_audio (&aac->es, rate, extension == AOT_PS ? 2 : channels_of (channels), FRAME_SAMPLES);
  /* No CRC; adts_buffer_fullness "variable rate"; one raw_data_block. */
  aac->header[0] = 0xff;
  aac->header[1] |= 0xf1;
  aac->header[2] = (type - 1) << 6 | index << 2 | channels >> 2;
  aac->header[3] = (channels & 3) << 6;
  aac->header[5] = 0x1f;
  aac->header[6] = 0xfc;
  aac->es.ready = TRUE;
  return TRUE;

malformed:
  return hls_es_fail (&aac->es, error, "codec_data of %" G_GSIZE_FORMAT " bytes is no AudioSpecificConfig", size);
}

static gboolean
adts_inspect (HlsAac * aac, const guint8 * data, gsize size, GError ** error)
{
  guint32 fixed;
  gsize length;
  guint rate, channels, type;

  if (size < ADTS_HEADER_SIZE || data[0] != 0xff || (data[1] & 0xf6) != 0xf0)
    return hls_es_fail (&aac->es, error, "%" G_GSIZE_FORMAT " bytes that do not begin with an ADTS header", size);
  length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5;
  if (length != size)
    return hls_es_fail (&aac->es, error, "the ADTS header says %" G_GSIZE_FORMAT " bytes, the buffer has %"
        G_GSIZE_FORMAT "; each buffer must be one frame (put aacparse in front)", length, size);
  /* All that says how to decode: not copyright bits, lengths and fullness, but the number of blocks. */
  fixed = (guint32) data[1] << 24 | (guint32) data[2] << 16 | (data[3] & 0xc0) << 8 | (data[6] & 3);
  if (aac->es.ready && fixed == aac->seen)
    return TRUE;

  rate = gst_codec_utils_aac_get_sample_rate_from_index (data[2] >> 2 & 15);
  if (rate == 0)
    return hls_es_fail (&aac->es, error, "the ADTS header has reserved sampling frequency index %u",
        data[2] >> 2 & 15);
  type = (data[2] >> 6) + 1;
  channels = channels_of ((data[2] & 1) << 2 | data[3] >> 6);
  if (aac->signalled) {
    type = aac->signalled;
    if (type == AOT_PS)
      channels = 2;
  }
  if (channels == 0)            /* in a program_config_element: only the caps know */
    channels = aac->es.info.channels;
  set_object_type (aac, type);
  hls_es_set_audio (&aac->es, rate, channels, FRAME_SAMPLES * (1 + (data[6] & 3)));
  aac->seen = fixed;
  aac->es.ready = TRUE;
  return TRUE;
}

static gboolean
check_raw_size (const HlsAac * aac, gsize size, GError ** error)
{
  if (size > ADTS_MAX_FRAME - ADTS_HEADER_SIZE)
    return hls_es_fail (&aac->es, error, "a frame of %" G_GSIZE_FORMAT " bytes does not fit ADTS; at most %d do",
        size, ADTS_MAX_FRAME - ADTS_HEADER_SIZE);
  return TRUE;
}

static gboolean
aac_inspect (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
    gboolean * random_access, GError ** error)
{
  HlsAac *aac = HLS_AAC (es);

  *random_access = TRUE;
  return aac->raw ? check_raw_size (aac, size, error) : adts_inspect (aac, data, size, error);
}

static gboolean
aac_to_ts (HlsEs * es, const guint8 * data, gsize size, gboolean random_access, GArray * spans, GError ** error)
{
  HlsAac *aac = HLS_AAC (es);

  if (aac->raw) {
    guint length = size + ADTS_HEADER_SIZE;

    if (!check_raw_size (aac, size, error))
      return FALSE;
    aac->header[3] = (aac->header[3] & 0xfc) | length >> 11;
    aac->header[4] = length >> 3;
    aac->header[5] = length << 5 | 0x1f;
    hls_spans_add (spans, aac->header, ADTS_HEADER_SIZE);
  }
  hls_spans_add (spans, data, size);
  return TRUE;
}

static const HlsEsClass aac_class = { aac_inspect, aac_to_ts, NULL };

static gboolean
read_raw_caps (HlsAac * aac, const GstStructure * caps, GError ** error)
{
  const GValue *value = gst_structure_get_value (caps, "codec_data");
  GstBuffer *codec_data = value && GST_VALUE_HOLDS_BUFFER (value) ? gst_value_get_buffer (value) : NULL;
  GstMapInfo map;
  gboolean ok;

  if (!codec_data || !gst_buffer_map (codec_data, &map, GST_MAP_READ))
    return hls_es_fail (&aac->es, error, "caps with stream-format raw have no codec_data, without which raw frames "
        "cannot be decoded");
  ok = read_codec_data (aac, map.data, map.size, error);
  gst_buffer_unmap (codec_data, &map);
  return ok;
}

HlsEs *
hls_es_aac_new (const GstStructure * caps, GError ** error)
{
  HlsAac *aac = g_new0 (HlsAac, 1);
  const gchar *format = gst_structure_get_string (caps, "stream-format");
  const gchar *profile = gst_structure_get_string (caps, "profile");
  gint version = 0, channels = 0;
  gboolean ok;

  aac->es.klass = &aac_class;
  aac->es.info.type = HLS_ES_AUDIO;
  aac->es.info.name = "AAC";
  aac->es.info.stream_type = 0x0f;
  aac->es.info.stream_id = 0xc0;
  aac->es.info.fps_d = 1;

  gst_structure_get_int (caps, "mpegversion", &version);
  /* ADTS itself never tells of SBR and PS. */
  if (g_strcmp0 (profile, "he-aac-v1") == 0)
    aac->signalled = AOT_SBR;
  else if (g_strcmp0 (profile, "he-aac-v2") == 0)
    aac->signalled = AOT_PS;
  aac->header[1] = version == 2 ? 0x08 : 0;
  aac->raw = g_strcmp0 (format, "raw") == 0;
  if (version != 2 && version != 4)
    ok = hls_es_fail (&aac->es, error, "caps field mpegversion is %d; it must be 2 or 4", version);
  else if (aac->raw)
    ok = read_raw_caps (aac, caps, error);
  else if (g_strcmp0 (format, "adts") == 0) {
    ok = TRUE;
    if (gst_structure_get_int (caps, "channels", &channels) && channels > 0)
      aac->es.info.channels = channels;
  } else
    ok = hls_es_fail (&aac->es, error, "caps field stream-format is %s; raw and adts are supported (aacparse "
        "converts others)", format ? format : "missing");
  if (!ok) {
    hls_es_free (&aac->es);
    return NULL;
  }
  return &aac->es;
}
