/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A packager in a harness: making what goes in, looking at what comes out.
 */
#pragma once

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

#include "gsthlspackager.h"

#define TARGET 4
#define FIRST_PDT G_GINT64_CONSTANT (1771428600000000)  /* 2026-02-18T15:30:00Z */
#define PLAYLIST_TYPE "application/vnd.apple.mpegurl"

/* --- what goes in --- */

static GstHarness *
new_harness (HlsMode mode, const gchar * base_name)
{
  const HlsGroupSettings settings = { mode, TARGET, 3, 7, TRUE };
  GstElement *packager = gst_hls_packager_new (0);
  GstHarness *h;

  gst_hls_packager_set_settings (GST_HLS_PACKAGER (packager), &settings);
  gst_hls_packager_set_base_name (GST_HLS_PACKAGER (packager), base_name);
  h = gst_harness_new_with_element (packager, "sink", "src");
  gst_object_unref (packager);
  gst_harness_set_src_caps_str (h, HLS_SEGMENT_CAPS);
  return h;
}

static HlsTrack *
new_track (const gchar * name, gboolean video, const gchar * codecs)
{
  HlsTrack *track = g_new0 (HlsTrack, 1);

  track->name = g_strdup (name);
  track->name_modifier = g_strconcat ("-", name, NULL);
  track->extension = g_strdup ("ts");
  track->content_type = g_strdup ("video/mp2t");
  track->codecs = g_strdup (codecs);
  track->fps_d = 1;
  track->video = video;
  track->audio = !video;
  if (video) {
    track->width = 640;
    track->height = 360;
    track->fps_n = 25;
  } else {
    track->channels = 2;
    track->language = g_strdup ("en");
  }
  return track;
}

static void
push_tracks (GstHarness * h, HlsTrack * a, HlsTrack * b)
{
  GPtrArray *tracks = g_ptr_array_new_with_free_func ((GDestroyNotify) hls_track_free);

  if (a)
    g_ptr_array_add (tracks, a);
  if (b)
    g_ptr_array_add (tracks, b);
  gst_harness_push_event (h, hls_tracks_event_new (tracks));
  g_ptr_array_unref (tracks);
}

static GstBuffer *
new_fragment (const gchar * track, guint64 sequence, gsize offset, gsize size, gboolean last, gboolean gap)
{
  const HlsSegmentExtra extra = { FIRST_PDT + (gint64) sequence * TARGET * 1000000, FALSE, gap, TARGET };
  const GstDeliveryInfo info = {
    .kind = GST_DELIVERY_KIND_SEGMENT,
    .track = track,
    .sequence = sequence,
    .duration = TARGET * GST_SECOND,
    .size = GST_DELIVERY_SIZE_UNKNOWN,
    .created = 1000 + (gint64) sequence,
  };
  GstBuffer *buffer = gst_buffer_new ();
  GstStructure *meta;

  if (size > 0) {
    GstMemory *memory = gst_allocator_alloc (NULL, size, NULL);

    gst_buffer_append_memory (buffer, memory);
    gst_buffer_memset (buffer, 0, (guint8) sequence, size);
  }
  GST_BUFFER_OFFSET (buffer) = offset;
  GST_BUFFER_PTS (buffer) = sequence * TARGET * GST_SECOND;
  meta = gst_delivery_buffer_add_info (buffer, &info);
  if (last) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
    hls_segment_extra_set (meta, &extra);
  }
  return buffer;
}

static GstFlowReturn
push_segment (GstHarness * h, const gchar * track, guint64 sequence, gsize size)
{
  return gst_harness_push (h, new_fragment (track, sequence, 0, size, TRUE, FALSE));
}

/* --- what comes out --- */

typedef struct {
  GstBuffer *buffer;
  GstDeliveryInfo info;
  gchar *text;                  /* of a playlist */
} Out;

static Out
pull (GstHarness * h)
{
  Out out = { gst_harness_try_pull (h), };
  GError *error = NULL;
  GstMapInfo map;

  fail_unless (out.buffer != NULL, "nothing came out");
  fail_unless (gst_delivery_buffer_get_info (out.buffer, FALSE, &out.info, &error), "%s", error ? error->message : "");
  if (GST_DELIVERY_KIND_IS_PLAYLIST (out.info.kind)) {
    fail_unless (GST_BUFFER_FLAG_IS_SET (out.buffer, GST_BUFFER_FLAG_MARKER) && GST_BUFFER_OFFSET (out.buffer) == 0);
    fail_unless_equals_string (out.info.content_type, PLAYLIST_TYPE);
    fail_unless_equals_uint64 (out.info.duration, TARGET * GST_SECOND);
    fail_unless_equals_uint64 (out.info.size, gst_buffer_get_size (out.buffer));
    fail_unless (gst_buffer_map (out.buffer, &map, GST_MAP_READ));
    out.text = g_strndup ((const gchar *) map.data, map.size);
    gst_buffer_unmap (out.buffer, &map);
  }
  return out;
}

static void
out_clear (Out * out)
{
  gst_clear_buffer (&out->buffer);
  g_clear_pointer (&out->text, g_free);
}

/* The next object is this one. Hands it over where @keep is given. */
static void
expect (GstHarness * h, GstDeliveryKind kind, const gchar * name, guint64 sequence, Out * keep)
{
  Out out = pull (h);

  fail_unless (out.info.kind == kind && g_strcmp0 (out.info.name, name) == 0, "expected %s %s, got %s %s",
      gst_delivery_kind_to_string (kind), name, gst_delivery_kind_to_string (out.info.kind), out.info.name);
  fail_unless_equals_uint64 (out.info.sequence, sequence);
  if (keep)
    *keep = out;
  else
    out_clear (&out);
}

static void
expect_nothing (GstHarness * h)
{
  GstBuffer *buffer = gst_harness_try_pull (h);
  GstDeliveryInfo info;

  if (buffer) {
    gst_delivery_buffer_get_info (buffer, FALSE, &info, NULL);
    fail ("unexpected %s %s", gst_delivery_kind_to_string (info.kind), info.name);
  }
}

static guint
count (const gchar * text, const gchar * what)
{
  guint n = 0;

  for (; (text = strstr (text, what)); text += strlen (what))
    n++;
  return n;
}

static void
assert_has (const gchar * text, const gchar * what)
{
  fail_unless (strstr (text, what) != NULL, "no \"%s\" in:\n%s", what, text);
}

/* The element's posted error, and nothing else. */
static GstBus *
watch (GstHarness * h)
{
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (h->element, bus);
  return bus;
}

static void
expect_error (GstHarness * h, GstBus * bus, const gchar * what)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  GError *error = NULL;

  fail_unless (message != NULL, "no error about \"%s\"", what);
  gst_message_parse_error (message, &error, NULL);
  assert_has (error->message, what);
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
}
