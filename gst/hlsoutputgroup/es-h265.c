/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * H.265. Normative references: ITU-T H.265 (7.3.1.2 NAL unit header, 7.3.2 parameter sets,
 * 7.3.3 profile, tier and level), ISO/IEC 14496-15 (8.3.3.1 HEVCDecoderConfigurationRecord,
 * annex E.3 the codecs parameter), ISO/IEC 13818-1 (2.6.8 registration descriptor).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/codecparsers/gsth265parser.h>

#include "es-video.h"

static const guint8 aud[] = { 0, 0, 0, 1, 0x46, 0x01, 0x50 };  /* any pic_type */
static const guint8 registration[] = { 0x05, 4, 'H', 'E', 'V', 'C' };

static HlsNalKind
h265_classify (guint8 first_byte)
{
  guint type = first_byte >> 1 & 0x3f;

  /* Any IRAP picture. The pictures that lead a CRA picture and cannot be decoded without
   * what came before are to be dropped by whoever starts there. */
  if (type >= GST_H265_NAL_SLICE_BLA_W_LP && type <= GST_H265_NAL_SLICE_CRA_NUT)
    return HLS_NAL_RAP_SLICE;
  if (type < GST_H265_NAL_VPS)
    return HLS_NAL_SLICE;
  switch (type) {
    case GST_H265_NAL_VPS:
      return HLS_NAL_VPS;
    case GST_H265_NAL_SPS:
      return HLS_NAL_SPS;
    case GST_H265_NAL_PPS:
      return HLS_NAL_PPS;
    case GST_H265_NAL_AUD:
      return HLS_NAL_AUD;
    case GST_H265_NAL_PREFIX_SEI:
      return HLS_NAL_SEI;
    default:
      return HLS_NAL_OTHER;
  }
}

/* Takes emulation prevention bytes out of the first bytes of a NAL unit. */
static gsize
unescape (const guint8 * nal, gsize size, guint8 * out, gsize out_size)
{
  gsize n = 0;
  guint zeros = 0;

  for (gsize i = 0; i < size && n < out_size; i++) {
    if (zeros >= 2 && nal[i] == 3) {
      zeros = 0;
      continue;
    }
    zeros = nal[i] == 0 ? zeros + 1 : 0;
    out[n++] = nal[i];
  }
  return n;
}

/* Of an SPS: two bytes of header, one of ids, general_profile_tier_level of twelve. */
static gchar *
codecs_string (const guint8 * nal, gsize size)
{
  guint8 head[15];
  const guint8 *ptl = head + 3;
  GString *text;
  guint32 compatibility = 0;
  guint n_constraints = 6;

  if (unescape (nal, size, head, sizeof head) < sizeof head)
    return NULL;
  for (guint i = 0; i < 32; i++)
    if (ptl[1 + i / 8] & 0x80 >> i % 8)
      compatibility |= 1u << i;

  text = g_string_new ("hvc1.");
  if (ptl[0] >> 6)
    g_string_append_c (text, "ABC"[(ptl[0] >> 6) - 1]);
  g_string_append_printf (text, "%u.%X.%c%u", ptl[0] & 0x1f, compatibility, ptl[0] & 0x20 ? 'H' : 'L', ptl[11]);
  while (n_constraints > 0 && ptl[4 + n_constraints] == 0)
    n_constraints--;
  for (guint i = 0; i < n_constraints; i++)
    g_string_append_printf (text, ".%X", ptl[5 + i]);
  return g_string_free (text, FALSE);
}

static gboolean
parse_sps (HlsVideo * video, HlsParameterSet * set, GstH265Parser * parser, GstH265NalUnit * nalu)
{
  g_autofree GstH265SPS *sps = g_new0 (GstH265SPS, 1);
  g_autofree gchar *codecs = NULL;
  gint fps_n = 0, fps_d = 1;

  if (gst_h265_parse_sps (parser, nalu, sps, TRUE) != GST_H265_PARSER_OK)
    return FALSE;
  codecs = codecs_string (nalu->data + nalu->offset, nalu->size);
  if (!codecs)
    return FALSE;
  set->id = sps->id;
  /* As it stands there: the parser's own fps fields are not filled in by every version. */
  if (sps->vui_parameters_present_flag && sps->vui_params.timing_info_present_flag &&
      sps->vui_params.num_units_in_tick <= G_MAXINT && sps->vui_params.time_scale <= G_MAXINT) {
    fps_n = sps->vui_params.time_scale;
    fps_d = sps->vui_params.num_units_in_tick;
  }
  hls_es_set_video (&video->es,
      sps->conformance_window_flag ? sps->crop_rect_width : sps->width,
      sps->conformance_window_flag ? sps->crop_rect_height : sps->height, fps_n, fps_d);
  hls_es_set_codecs (&video->es, codecs);
  return TRUE;
}

static gboolean
h265_parse_set (HlsVideo * video, HlsParameterSet * set)
{
  GstH265Parser *parser = gst_h265_parser_new ();
  GstH265NalUnit nalu;
  gboolean ok = FALSE;

  if (gst_h265_parser_identify_nalu_unchecked (parser, set->data, 0, set->size, &nalu) == GST_H265_PARSER_OK) {
    const guint8 *payload = nalu.data + nalu.offset + nalu.header_bytes;

    if (set->kind == HLS_NAL_SPS)
      ok = parse_sps (video, set, parser, &nalu);
    else if (set->kind == HLS_NAL_VPS) {
      set->id = payload[0] >> 4;
      ok = TRUE;
    } else                      /* pps_pic_parameter_set_id comes first */
      ok = hls_nal_get_ue (payload, nalu.size - nalu.header_bytes, GST_H265_MAX_PPS_COUNT - 1, &set->id);
  }
  gst_h265_parser_free (parser);
  return ok;
}

static const HlsVideoCodec h265 = {
  .header_size = 2,
  .has_vps = TRUE,
  .aud = aud,
  .aud_size = sizeof aud,
  .classify = h265_classify,
  .parse_set = h265_parse_set,
};

/* The arrays of parameter sets: type, how many, and before each its size. */
static gboolean
learn_arrays (HlsVideo * video, const guint8 * data, const guint8 * end, guint n_arrays, GError ** error)
{
  while (n_arrays-- > 0) {
    guint n;

    if (end - data < 3)
      return hls_es_fail (&video->es, error, "codec_data is cut off in an array of parameter sets");
    n = data[1] << 8 | data[2];
    for (data += 3; n > 0; n--) {
      gsize size = end - data < 2 ? 0 : data[0] << 8 | data[1];

      if (size <= video->codec->header_size || size > (gsize) (end - data - 2))
        return hls_es_fail (&video->es, error, "codec_data is cut off in a parameter set");
      if (!hls_video_learn (video, data + 2, size, error))
        return FALSE;
      data += 2 + size;
    }
  }
  return TRUE;
}

static gboolean
read_codec_data (HlsVideo * video, GstBuffer * codec_data, GError ** error)
{
  GstMapInfo map;
  gboolean ok;

  if (!gst_buffer_map (codec_data, &map, GST_MAP_READ))
    return hls_es_fail (&video->es, error, "codec_data cannot be read");
  if (map.size < 23 || map.data[0] != 1 || (map.data[21] & 3) == 2)
    ok = hls_es_fail (&video->es, error, "codec_data of %" G_GSIZE_FORMAT
        " bytes is no HEVCDecoderConfigurationRecord", map.size);
  else {
    video->length_size = (map.data[21] & 3) + 1;
    ok = learn_arrays (video, map.data + 23, map.data + map.size, map.data[22], error);
  }
  gst_buffer_unmap (codec_data, &map);
  return ok;
}

HlsEs *
hls_es_h265_new (const GstStructure * caps, GError ** error)
{
  static const gchar *const prefixed[] = { "hvc1", "hev1", NULL };
  HlsVideo *video = g_new0 (HlsVideo, 1);
  GstBuffer *codec_data;

  video->es.info.name = "H.265";
  video->es.info.stream_type = 0x24;
  hls_es_set_descriptors (&video->es, registration, sizeof registration);
  if (!hls_video_init (video, &h265, caps, prefixed, &codec_data, error) ||
      (codec_data && !g_str_equal (gst_structure_get_string (caps, "stream-format"), "byte-stream") &&
          !read_codec_data (video, codec_data, error))) {
    hls_es_free (&video->es);
    return NULL;
  }
  return &video->es;
}
