/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the segmenter tells its packagers. See gsthlsobjects.h.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlsobjects.h"

#define TRACKS_EVENT "hls-tracks"

void
hls_track_free (HlsTrack * track)
{
  if (!track)
    return;
  g_free (track->name);
  g_free (track->name_modifier);
  g_free (track->segment_modifier);
  g_free (track->extension);
  g_free (track->content_type);
  g_free (track->codecs);
  g_free (track->language);
  g_free (track);
}

/* Plain fields rather than a boxed array: the event shows in debug logs and dot dumps, and nobody can
 * change it behind another thread's back. */
GstEvent *
hls_tracks_event_new (GPtrArray * tracks)
{
  GValue list = G_VALUE_INIT;
  GstStructure *event;
  guint i;

  gst_value_array_init (&list, tracks->len);
  for (i = 0; i < tracks->len; i++) {
    const HlsTrack *track = g_ptr_array_index (tracks, i);
    GValue value = G_VALUE_INIT;

    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, gst_structure_new ("hls-track",
            "name", G_TYPE_STRING, track->name,
            "name-modifier", G_TYPE_STRING, track->name_modifier,
            "segment-modifier", G_TYPE_STRING, track->segment_modifier,
            "extension", G_TYPE_STRING, track->extension,
            "content-type", G_TYPE_STRING, track->content_type,
            "codecs", G_TYPE_STRING, track->codecs,
            "language", G_TYPE_STRING, track->language,
            "width", G_TYPE_UINT, track->width, "height", G_TYPE_UINT, track->height,
            "fps-n", G_TYPE_INT, track->fps_n, "fps-d", G_TYPE_INT, track->fps_d,
            "channels", G_TYPE_UINT, track->channels,
            "video", G_TYPE_BOOLEAN, track->video, "audio", G_TYPE_BOOLEAN, track->audio, NULL));
    gst_value_array_append_and_take_value (&list, &value);
  }
  event = gst_structure_new_empty (TRACKS_EVENT);
  gst_structure_take_value (event, "tracks", &list);
  return gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, event);
}

GPtrArray *
hls_tracks_event_parse (GstEvent * event)
{
  const GstStructure *structure = gst_event_get_structure (event);
  const GValue *list;
  GPtrArray *tracks;
  guint i;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CUSTOM_DOWNSTREAM_STICKY
      || !structure || !gst_structure_has_name (structure, TRACKS_EVENT))
    return NULL;

  list = gst_structure_get_value (structure, "tracks");
  tracks = g_ptr_array_new_with_free_func ((GDestroyNotify) hls_track_free);
  for (i = 0; i < gst_value_array_get_size (list); i++) {
    HlsTrack *track = g_new0 (HlsTrack, 1);

    gst_structure_get (gst_value_get_structure (gst_value_array_get_value (list, i)),
        "name", G_TYPE_STRING, &track->name,
        "name-modifier", G_TYPE_STRING, &track->name_modifier,
        "segment-modifier", G_TYPE_STRING, &track->segment_modifier,
        "extension", G_TYPE_STRING, &track->extension,
        "content-type", G_TYPE_STRING, &track->content_type,
        "codecs", G_TYPE_STRING, &track->codecs,
        "language", G_TYPE_STRING, &track->language,
        "width", G_TYPE_UINT, &track->width, "height", G_TYPE_UINT, &track->height,
        "fps-n", G_TYPE_INT, &track->fps_n, "fps-d", G_TYPE_INT, &track->fps_d,
        "channels", G_TYPE_UINT, &track->channels,
        "video", G_TYPE_BOOLEAN, &track->video, "audio", G_TYPE_BOOLEAN, &track->audio, NULL);
    g_ptr_array_add (tracks, track);
  }
  return tracks;
}

GstEvent *
hls_end_event_new (void)
{
  return gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty ("hls-end"));
}

gboolean
hls_event_is_end (GstEvent * event)
{
  return GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM && gst_event_has_name (event, "hls-end");
}

void
hls_segment_extra_set (GstStructure * meta, const HlsSegmentExtra * extra)
{
  gst_structure_set (meta,
      "program-date-time", G_TYPE_INT64, extra->program_date_time,
      "discontinuity", G_TYPE_BOOLEAN, extra->discontinuity,
      "gap", G_TYPE_BOOLEAN, extra->gap, "target-duration", G_TYPE_UINT, extra->target_duration, NULL);
}

gboolean
hls_segment_extra_get (const GstStructure * meta, HlsSegmentExtra * extra)
{
  return gst_structure_get (meta,
      "program-date-time", G_TYPE_INT64, &extra->program_date_time,
      "discontinuity", G_TYPE_BOOLEAN, &extra->discontinuity,
      "gap", G_TYPE_BOOLEAN, &extra->gap, "target-duration", G_TYPE_UINT, &extra->target_duration, NULL);
}
