/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rendition.h"
#include "tswriter.h"

/* PTS of running time zero: room for the DTS and the PCR that come before. */
#define TS_OFFSET (10 * TS_CLOCK_RATE)

struct _HlsRendition {
  GstHlsOutput *settings;
  HlsTsWriter *writer;
  HlsTrack *track;
  GArray *spans;                /* of HlsSpan; scratch */
};

HlsRendition *
hls_rendition_new (GstHlsOutput *settings)
{
  HlsRendition *r = g_new0 (HlsRendition, 1);
  TsMuxConfig config;

  ts_mux_config_init (&config);
  r->settings = gst_object_ref (settings);
  r->writer = hls_ts_writer_new (&config);
  r->spans = g_array_new (FALSE, FALSE, sizeof (HlsSpan));
  return r;
}

void
hls_rendition_free (HlsRendition *r)
{
  gst_object_unref (r->settings);
  hls_ts_writer_free (r->writer);
  g_clear_pointer (&r->track, hls_track_free);
  g_array_unref (r->spans);
  g_free (r);
}

GstHlsOutput *
hls_rendition_get_settings (HlsRendition *r)
{
  return r->settings;
}

const HlsTrack *
hls_rendition_get_track (HlsRendition *r)
{
  return r->track;
}

static void
add_codecs (GString *codecs, const gchar *codec)
{
  if (codec && !strstr (codecs->str, codec))
    g_string_append_printf (codecs, "%s%s", codecs->len ? "," : "", codec);
}

static HlsTrack *
describe (HlsRendition *r, GPtrArray *inputs, guint index)
{
  HlsTrack *track = g_new0 (HlsTrack, 1);
  GString *codecs = g_string_new (NULL);

  track->name = g_strdup (GST_OBJECT_NAME (r->settings));
  track->name_modifier = gst_hls_output_dup_name_modifier (r->settings);
  track->segment_modifier = gst_hls_output_dup_segment_modifier (r->settings);
  track->extension = g_strdup ("ts");
  track->content_type = g_strdup ("video/mp2t");
  track->fps_d = 1;
  for (guint i = 0; i < inputs->len; i++) {
    GstHlsInput *input = g_ptr_array_index (inputs, i);
    const HlsEsInfo *info;

    if (input->output_index != index || input->ts_stream < 0)
      continue;
    info = hls_es_get_info (input->es_out);
    add_codecs (codecs, info->codecs);
    if (info->type == HLS_ES_VIDEO) {
      track->video = TRUE;
      track->width = info->width;
      track->height = info->height;
      track->fps_n = info->fps_n;
      track->fps_d = MAX (info->fps_d, 1);
    } else {
      track->audio = TRUE;
      track->channels = info->channels;
    }
  }
  track->codecs = g_string_free (codecs, FALSE);
  return track;
}

static gboolean
same_track (const HlsTrack *a, const HlsTrack *b)
{
  return a && b && a->video == b->video && a->audio == b->audio && a->width == b->width && a->height == b->height
      && a->fps_n == b->fps_n && a->fps_d == b->fps_d && a->channels == b->channels
      && g_strcmp0 (a->codecs, b->codecs) == 0;
}

gboolean
hls_rendition_open (HlsRendition *r, GPtrArray *inputs, guint index, guint64 number)
{
  TsMux *mux = hls_ts_writer_get_mux (r->writer);
  HlsTrack *track;
  gboolean same;

  for (guint i = 0; i < inputs->len; i++) {
    GstHlsInput *input = g_ptr_array_index (inputs, i);
    const HlsEsInfo *info;

    if (input->output_index != index || !input->es_out || !hls_es_is_ready (input->es_out))
      continue;
    info = hls_es_get_info (input->es_out);
    if (input->ts_stream < 0)
      input->ts_stream = ts_mux_add_stream (mux, info, 0, NULL);
    else
      ts_mux_update_stream (mux, input->ts_stream, info);
  }
  track = describe (r, inputs, index);
  same = same_track (r->track, track);
  g_clear_pointer (&r->track, hls_track_free);
  r->track = track;
  hls_ts_writer_begin (r->writer, number);
  return !same;
}

static gint64
to_ts_clock (gint64 time)
{
  gint64 scaled = time * 9;

  return TS_OFFSET + (scaled + (scaled < 0 ? -50000 : 50000)) / 100000;
}

gboolean
hls_rendition_write (HlsRendition *r, GstHlsInput *input, const HlsFrame *frame, GError **error)
{
  gint64 dts = to_ts_clock (frame->dts);
  GstMapInfo map;
  gboolean ok;

  if (input->ts_stream < 0)
    return TRUE;                /* not in the program map: it joined too late for this segment */
  if (!gst_buffer_map (frame->data, &map, GST_MAP_READ)) {
    g_set_error_literal (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, "cannot read the buffer's memory");
    return FALSE;
  }
  g_array_set_size (r->spans, 0);
  ok = hls_es_to_ts (input->es_out, map.data, map.size, frame->key, r->spans, error);
  if (ok)
    ts_mux_write (hls_ts_writer_get_mux (r->writer), input->ts_stream, (const HlsSpan *) r->spans->data,
        r->spans->len, to_ts_clock (frame->pts), dts, to_ts_clock (frame->dts + frame->duration) - dts, frame->key);
  gst_buffer_unmap (frame->data, &map);
  return ok;
}

GstBufferList *
hls_rendition_close (HlsRendition *r, guint64 *size)
{
  return hls_ts_writer_end (r->writer, size);
}
