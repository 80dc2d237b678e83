/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Access units of NAL units. Normative references: ITU-T H.264 (7.4.1.2.3 order of NAL units,
 * annex B byte stream), ITU-T H.265 (7.4.2.4.4, annex B), ISO/IEC 14496-15 (length prefixes),
 * ISO/IEC 13818-1, 2.14 and 2.17 (an access unit in a transport stream begins with a delimiter).
 *
 * Slices are most of the bytes and are never looked into: start codes are searched up to the
 * first slice only, and what follows is one piece.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/base/gstbitreader.h>

#include "es-video.h"

#define MAX_SET_SIZE 65535
#define MAX_SEI_SIZE 65535

static const guint8 start_code[] = { 0, 0, 0, 1 };

typedef struct
{
  const guint8 *data;
  gsize size;
  gsize begin;                  /* of the start code or the length prefix */
  gsize nal;                    /* of the NAL unit itself */
  gsize end;                    /* behind it; 0: byte stream, not searched for yet */
} NalReader;

/* Offset of the next three bytes 00 00 01 at or after @from, or the size. */
static gsize
find_start_code (const guint8 * data, gsize size, gsize from)
{
  gsize i = from;

  while (i + 3 <= size) {
    if (data[i + 2] > 1)
      i += 3;
    else if (data[i + 2] == 1) {
      if (data[i] == 0 && data[i + 1] == 0)
        return i;
      i += 3;
    } else
      i++;
  }
  return size;
}

/* Goes to the NAL unit at @offset. FALSE without @error: there are no more. */
static gboolean
nal_reader_enter (const HlsVideo * video, NalReader * r, gsize offset, GError ** error)
{
  guint length = 0;

  r->begin = offset;
  if (offset == r->size)
    return FALSE;

  if (video->length_size == 0) {
    while (offset < r->size && r->data[offset] == 0)
      offset++;
    if (offset == r->size)
      return FALSE;             /* trailing zeros */
    if (offset - r->begin < 2 || r->data[offset] != 1)
      return hls_es_fail (&video->es, error, "no start code at byte %" G_GSIZE_FORMAT
          ", where a NAL unit of a byte stream must begin", r->begin);
    r->begin = offset - MIN (offset - r->begin, 3);
    r->nal = offset + 1;
    r->end = 0;
    if (r->size - r->nal < video->codec->header_size)
      return hls_es_fail (&video->es, error, "the NAL unit at byte %" G_GSIZE_FORMAT
          " is cut off in its header", r->nal);
  } else {
    if (r->size - offset < video->length_size)
      return hls_es_fail (&video->es, error, "the access unit is cut off in the NAL unit length at byte %"
          G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT, offset, r->size);
    for (guint i = 0; i < video->length_size; i++)
      length = length << 8 | r->data[offset + i];
    r->nal = offset + video->length_size;
    if (length < video->codec->header_size || length > r->size - r->nal)
      return hls_es_fail (&video->es, error, "the NAL unit at byte %" G_GSIZE_FORMAT " claims %u bytes, but %"
          G_GSIZE_FORMAT " are left", r->nal, length, r->size - r->nal);
    r->end = r->nal + length;
  }
  if (r->data[r->nal] & 0x80)
    return hls_es_fail (&video->es, error, "the NAL unit at byte %" G_GSIZE_FORMAT
        " has its forbidden_zero_bit set", r->nal);
  return TRUE;
}

static void
nal_reader_find_end (NalReader * r)
{
  if (r->end == 0)
    r->end = find_start_code (r->data, r->size, r->nal);
}

/* Without the zeros that belong to the byte stream. */
static gsize
nal_reader_get_size (const NalReader * r)
{
  gsize end = r->end;

  while (end > r->nal && r->data[end - 1] == 0)
    end--;
  return end - r->nal;
}

static void
parameter_set_free (gpointer data)
{
  HlsParameterSet *set = data;

  g_free (set->data);
  g_free (set);
}

gboolean
hls_video_init (HlsVideo * video, const HlsVideoCodec * codec, const GstStructure * caps,
    const gchar * const *prefixed, GstBuffer ** codec_data, GError ** error)
{
  const gchar *format = gst_structure_get_string (caps, "stream-format");
  const gchar *alignment = gst_structure_get_string (caps, "alignment");
  const GValue *value = gst_structure_get_value (caps, "codec_data");

  video->codec = codec;
  video->es.klass = &hls_video_class;
  video->es.info.type = HLS_ES_VIDEO;
  video->es.info.stream_id = 0xe0;
  video->es.info.fps_d = 1;
  video->sets = g_ptr_array_new_with_free_func (parameter_set_free);
  if (!gst_structure_get_fraction (caps, "framerate", &video->es.caps_fps_n, &video->es.caps_fps_d))
    video->es.caps_fps_d = 1;

  *codec_data = value && GST_VALUE_HOLDS_BUFFER (value) ? gst_value_get_buffer (value) : NULL;
  if (g_strcmp0 (alignment, "au") != 0)
    return hls_es_fail (&video->es, error, "caps field alignment is %s; it must be au (put a parser in front)",
        alignment ? alignment : "missing");
  if (g_strcmp0 (format, "byte-stream") == 0)
    return TRUE;
  if (!format || !g_strv_contains (prefixed, format))
    return hls_es_fail (&video->es, error, "caps field stream-format is %s; byte-stream, %s and %s are supported",
        format ? format : "missing", prefixed[0], prefixed[1]);
  if (!*codec_data)
    return hls_es_fail (&video->es, error, "caps with stream-format %s have no codec_data, which says how "
        "long the NAL unit lengths are", format);
  return TRUE;
}

static guint
known_kinds (const HlsVideo * video)
{
  guint kinds = 0;

  for (guint i = 0; i < video->sets->len; i++)
    kinds |= 1u << ((HlsParameterSet *) g_ptr_array_index (video->sets, i))->kind;
  return kinds;
}

static guint
needed_kinds (const HlsVideo * video)
{
  return 1u << HLS_NAL_SPS | 1u << HLS_NAL_PPS | (video->codec->has_vps ? 1u << HLS_NAL_VPS : 0);
}

gboolean
hls_video_learn (HlsVideo * video, const guint8 * nal, gsize size, GError ** error)
{
  HlsNalKind kind = video->codec->classify (nal[0]);
  HlsParameterSet *set;
  guint i, at = video->sets->len;

  if (kind != HLS_NAL_VPS && kind != HLS_NAL_SPS && kind != HLS_NAL_PPS)
    return TRUE;
  for (i = 0; i < video->sets->len; i++) {
    set = g_ptr_array_index (video->sets, i);
    if (set->kind == kind && set->size == sizeof start_code + size &&
        memcmp (set->data + sizeof start_code, nal, size) == 0)
      return TRUE;
  }

  set = g_new0 (HlsParameterSet, 1);
  set->kind = kind;
  set->size = sizeof start_code + size;
  set->data = g_malloc (set->size);
  memcpy (set->data, start_code, sizeof start_code);
  memcpy (set->data + sizeof start_code, nal, size);
  if (size > MAX_SET_SIZE || size <= video->codec->header_size || !video->codec->parse_set (video, set)) {
    parameter_set_free (set);
    return hls_es_fail (&video->es, error, "a %s of %" G_GSIZE_FORMAT " bytes makes no sense",
        kind == HLS_NAL_VPS ? "video parameter set" : kind == HLS_NAL_SPS ? "sequence parameter set" :
        "picture parameter set", size);
  }

  /* In the order they are sent in: VPS, SPS, PPS. A new one replaces that of its id. */
  for (i = 0; i < video->sets->len; i++) {
    const HlsParameterSet *other = g_ptr_array_index (video->sets, i);

    if (other->kind == kind && other->id == set->id) {
      g_ptr_array_remove_index (video->sets, i);
      at = i;
      break;
    }
    if (other->kind > kind) {
      at = i;
      break;
    }
  }
  g_ptr_array_insert (video->sets, MIN (at, video->sets->len), set);
  video->es.ready = (known_kinds (video) & needed_kinds (video)) == needed_kinds (video);
  return TRUE;
}

/* Walks once more over what stands before the first slice: needed for the keyframes of an
 * open GOP only. */
static gboolean
has_recovery_point (HlsVideo * video, const guint8 * data, gsize size)
{
  NalReader r = { data, size };

  for (gboolean more = nal_reader_enter (video, &r, 0, NULL); more; more = nal_reader_enter (video, &r, r.end, NULL)) {
    HlsNalKind kind = video->codec->classify (data[r.nal]);
    g_autoptr (GByteArray) sei = NULL;

    if (kind >= HLS_NAL_SLICE)
      break;
    nal_reader_find_end (&r);
    if (kind != HLS_NAL_SEI || nal_reader_get_size (&r) > MAX_SEI_SIZE)
      continue;
    sei = g_byte_array_new ();
    g_byte_array_append (sei, start_code, sizeof start_code);
    g_byte_array_append (sei, data + r.nal, nal_reader_get_size (&r));
    if (video->codec->is_recovery_point (video, sei->data, sei->len))
      return TRUE;
  }
  return FALSE;
}

static gboolean
video_inspect (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
    gboolean * random_access, GError ** error)
{
  HlsVideo *video = HLS_VIDEO (es);
  NalReader r = { data, size };
  g_autoptr (GError) bad = NULL;
  gboolean slice = FALSE;

  for (gboolean more = nal_reader_enter (video, &r, 0, &bad); more; more = nal_reader_enter (video, &r, r.end, &bad)) {
    HlsNalKind kind = video->codec->classify (data[r.nal]);

    if (!slice && kind >= HLS_NAL_SLICE) {
      slice = TRUE;
      *random_access = kind == HLS_NAL_RAP_SLICE;
    }
    if (slice) {
      if (video->length_size == 0)
        break;
      continue;                 /* the lengths of the rest must be right as well */
    }
    nal_reader_find_end (&r);
    if (!hls_video_learn (video, data + r.nal, nal_reader_get_size (&r), error))
      return FALSE;
  }
  if (bad) {
    g_propagate_error (error, g_steal_pointer (&bad));
    return FALSE;
  }
  if (!slice)
    return hls_es_fail (es, error, "the access unit of %" G_GSIZE_FORMAT " bytes has no slice", size);
  if (keyframe && !*random_access && video->codec->is_recovery_point)
    *random_access = has_recovery_point (video, data, size);
  return TRUE;
}

static gboolean
video_to_ts (HlsEs * es, const guint8 * data, gsize size, gboolean random_access, GArray * spans,
    GError ** error)
{
  HlsVideo *video = HLS_VIDEO (es);
  NalReader r = { data, size };
  g_autoptr (GError) bad = NULL;
  guint kinds = 0, first_span = spans->len;
  gsize first = 0, rest = 0;
  gboolean more, delimited = FALSE, slice = FALSE;

  /* What is there before the first slice? */
  for (more = nal_reader_enter (video, &r, 0, &bad); more; more = nal_reader_enter (video, &r, r.end, &bad)) {
    HlsNalKind kind = video->codec->classify (data[r.nal]);

    if (kinds == 0) {
      first = r.begin;
      delimited = kind == HLS_NAL_AUD;
      rest = first;
    }
    slice = kind >= HLS_NAL_SLICE;
    kinds |= 1u << kind;
    if (slice)
      break;
    nal_reader_find_end (&r);
    if (delimited && r.begin == first)
      rest = r.end;
  }
  if (bad) {
    g_propagate_error (error, g_steal_pointer (&bad));
    return FALSE;
  }
  if (!slice)
    return hls_es_fail (es, error, "the access unit of %" G_GSIZE_FORMAT " bytes has no slice", size);

  if (!delimited || video->length_size > 0)
    hls_spans_add (spans, video->codec->aud, video->codec->aud_size);
  else {
    /* The first start code of an access unit has four bytes. */
    if (data[first + 2] == 1)
      hls_spans_add (spans, start_code, 1);
    hls_spans_add (spans, data + first, rest - first);
  }
  if (random_access && (kinds & needed_kinds (video)) != needed_kinds (video)) {
    for (guint i = 0; i < video->sets->len; i++) {
      const HlsParameterSet *set = g_ptr_array_index (video->sets, i);

      hls_spans_add (spans, set->data, set->size);
    }
  }

  if (video->length_size == 0) {
    hls_spans_add (spans, data + rest, size - rest);
    return TRUE;
  }
  for (more = nal_reader_enter (video, &r, rest, &bad); more; more = nal_reader_enter (video, &r, r.end, &bad)) {
    hls_spans_add (spans, start_code, sizeof start_code);
    hls_spans_add (spans, data + r.nal, r.end - r.nal);
  }
  if (bad) {
    g_array_set_size (spans, first_span);
    g_propagate_error (error, g_steal_pointer (&bad));
    return FALSE;
  }
  return TRUE;
}

gboolean
hls_nal_get_ue (const guint8 * data, gsize size, guint max, guint * value)
{
  GstBitReader bits;
  guint zeros = 0;
  guint8 bit = 0;
  guint32 rest;

  gst_bit_reader_init (&bits, data, size);
  while (zeros < 16 && gst_bit_reader_get_bits_uint8 (&bits, &bit, 1) && !bit)
    zeros++;
  if (!bit || !gst_bit_reader_get_bits_uint32 (&bits, &rest, zeros))
    return FALSE;
  *value = (1u << zeros) - 1 + rest;
  return *value <= max;
}

static void
video_clear (HlsEs * es)
{
  g_ptr_array_unref (HLS_VIDEO (es)->sets);
}

const HlsEsClass hls_video_class = { video_inspect, video_to_ts, video_clear };
