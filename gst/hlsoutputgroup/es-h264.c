/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * H.264. Normative references: ITU-T H.264 (7.3.1 NAL units, 7.3.2.1 SPS, 7.3.2.2 PPS, D.2.8
 * recovery point), ISO/IEC 14496-15 (5.3.3.1 AVCDecoderConfigurationRecord), RFC 6381 (3.3,
 * the codecs parameter avc1.PPCCLL).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/codecparsers/gsth264parser.h>

#include "es-video.h"

static const guint8 aud[] = { 0, 0, 0, 1, 0x09, 0xf0 }; /* any primary_pic_type */

static HlsNalKind
h264_classify (guint8 first_byte)
{
  switch (first_byte & 0x1f) {
    case GST_H264_NAL_SLICE:
    case GST_H264_NAL_SLICE_DPA:
    case GST_H264_NAL_SLICE_DPB:
    case GST_H264_NAL_SLICE_DPC:
      return HLS_NAL_SLICE;
    case GST_H264_NAL_SLICE_IDR:
      return HLS_NAL_RAP_SLICE;
    case GST_H264_NAL_SEI:
      return HLS_NAL_SEI;
    case GST_H264_NAL_SPS:
      return HLS_NAL_SPS;
    case GST_H264_NAL_PPS:
      return HLS_NAL_PPS;
    case GST_H264_NAL_AU_DELIMITER:
      return HLS_NAL_AUD;
    default:
      return HLS_NAL_OTHER;
  }
}

static gboolean
parse_sps (HlsVideo * video, HlsParameterSet * set, GstH264NalUnit * nalu)
{
  const guint8 *profile = nalu->data + nalu->offset + nalu->header_bytes;
  g_autofree gchar *codecs = NULL;
  GstH264SPS sps;
  gint fps_n, fps_d;

  if (nalu->size < nalu->header_bytes + 4u || gst_h264_parse_sps (nalu, &sps) != GST_H264_PARSER_OK)
    return FALSE;
  set->id = sps.id;
  /* As for a progressive frame: the caps of h264parse know of fields. */
  gst_h264_video_calculate_framerate (&sps, 0, 0, &fps_n, &fps_d);
  hls_es_set_video (&video->es,
      sps.frame_cropping_flag ? sps.crop_rect_width : sps.width,
      sps.frame_cropping_flag ? sps.crop_rect_height : sps.height, fps_n, fps_d);
  codecs = g_strdup_printf ("avc1.%02x%02x%02x", profile[0], profile[1], profile[2]);
  hls_es_set_codecs (&video->es, codecs);
  gst_h264_sps_clear (&sps);
  return TRUE;
}

static gboolean
h264_parse_set (HlsVideo * video, HlsParameterSet * set)
{
  GstH264NalParser *parser = gst_h264_nal_parser_new ();
  GstH264NalUnit nalu;
  gboolean ok = FALSE;

  if (gst_h264_parser_identify_nalu_unchecked (parser, set->data, 0, set->size, &nalu) == GST_H264_PARSER_OK) {
    if (set->kind == HLS_NAL_SPS)
      ok = parse_sps (video, set, &nalu);
    else                        /* pic_parameter_set_id comes first */
      ok = hls_nal_get_ue (nalu.data + nalu.offset + nalu.header_bytes, nalu.size - nalu.header_bytes,
          GST_H264_MAX_PPS_COUNT - 1, &set->id);
  }
  gst_h264_nal_parser_free (parser);
  return ok;
}

static gboolean
h264_is_recovery_point (HlsVideo * video, const guint8 * sei, gsize size)
{
  GstH264NalParser *parser = gst_h264_nal_parser_new ();
  GArray *messages = NULL;
  GstH264NalUnit nalu;
  gboolean found = FALSE;

  /* Other messages in the same NAL unit cannot be read without their SPS. */
  for (guint i = 0; i < video->sets->len; i++) {
    const HlsParameterSet *set = g_ptr_array_index (video->sets, i);
    GstH264SPS sps;

    if (set->kind == HLS_NAL_SPS &&
        gst_h264_parser_identify_nalu_unchecked (parser, set->data, 0, set->size, &nalu) == GST_H264_PARSER_OK &&
        gst_h264_parser_parse_sps (parser, &nalu, &sps) == GST_H264_PARSER_OK)
      gst_h264_sps_clear (&sps);
  }
  if (gst_h264_parser_identify_nalu_unchecked (parser, sei, 0, size, &nalu) == GST_H264_PARSER_OK)
    gst_h264_parser_parse_sei (parser, &nalu, &messages);
  for (guint i = 0; messages && i < messages->len; i++) {
    const GstH264SEIMessage *m = &g_array_index (messages, GstH264SEIMessage, i);

    found |= m->payloadType == GST_H264_SEI_RECOVERY_POINT && m->payload.recovery_point.recovery_frame_cnt == 0;
  }
  if (messages)
    g_array_unref (messages);
  gst_h264_nal_parser_free (parser);
  return found;
}

static const HlsVideoCodec h264 = {
  .header_size = 1,
  .aud = aud,
  .aud_size = sizeof aud,
  .classify = h264_classify,
  .parse_set = h264_parse_set,
  .is_recovery_point = h264_is_recovery_point,
};

static gboolean
learn_all (HlsVideo * video, const GArray * nalus, GError ** error)
{
  for (guint i = 0; nalus && i < nalus->len; i++) {
    const GstH264NalUnit *nalu = &g_array_index (nalus, GstH264NalUnit, i);

    if (!hls_video_learn (video, nalu->data + nalu->offset, nalu->size, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_codec_data (HlsVideo * video, GstBuffer * codec_data, GError ** error)
{
  GstH264NalParser *parser = gst_h264_nal_parser_new ();
  GstH264DecoderConfigRecord *config = NULL;
  GstMapInfo map;
  gboolean ok;

  if (!gst_buffer_map (codec_data, &map, GST_MAP_READ)) {
    gst_h264_nal_parser_free (parser);
    return hls_es_fail (&video->es, error, "codec_data cannot be read");
  }
  if (map.size < 7 ||
      gst_h264_parser_parse_decoder_config_record (parser, map.data, map.size, &config) != GST_H264_PARSER_OK ||
      config->length_size_minus_one == 2)
    ok = hls_es_fail (&video->es, error, "codec_data of %" G_GSIZE_FORMAT
        " bytes is no AVCDecoderConfigurationRecord", map.size);
  else {
    video->length_size = config->length_size_minus_one + 1;
    ok = learn_all (video, config->sps, error) && learn_all (video, config->pps, error);
  }
  g_clear_pointer (&config, gst_h264_decoder_config_record_free);
  gst_buffer_unmap (codec_data, &map);
  gst_h264_nal_parser_free (parser);
  return ok;
}

HlsEs *
hls_es_h264_new (const GstStructure * caps, GError ** error)
{
  static const gchar *const prefixed[] = { "avc", "avc3", NULL };
  HlsVideo *video = g_new0 (HlsVideo, 1);
  GstBuffer *codec_data;

  video->es.info.name = "H.264";
  video->es.info.stream_type = 0x1b;
  if (!hls_video_init (video, &h264, caps, prefixed, &codec_data, error) ||
      (codec_data && !g_str_equal (gst_structure_get_string (caps, "stream-format"), "byte-stream") &&
          !read_codec_data (video, codec_data, error))) {
    hls_es_free (&video->es);
    return NULL;
  }
  return &video->es;
}
