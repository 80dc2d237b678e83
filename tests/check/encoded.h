/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests: frames of real encoders, kept in memory.
 */
#pragma once

#include <gst/check/gstcheck.h>

/* Longer than anything here takes, under a sanitizer too. */
#define PATIENCE (30 * G_TIME_SPAN_SECOND)

/* Until @condition holds, which nothing tells of; fails after the time limit. */
#define wait_until(condition) \
  G_STMT_START { \
    gint64 wait_end = g_get_monotonic_time () + PATIENCE; \
    while (!(condition)) { \
      fail_unless (g_get_monotonic_time () < wait_end, "still not true: " #condition); \
      g_usleep (1000); \
    } \
  } G_STMT_END

typedef struct
{
  GstCaps *caps;
  GPtrArray *buffers;           /* of GstBuffer: times from 0 on */
  GstClockTime length;
} Encoded;

static inline void
encoded_free (Encoded * e)
{
  gst_caps_unref (e->caps);
  g_ptr_array_unref (e->buffers);
  g_free (e);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Encoded, encoded_free)

static inline void
encoded_add (Encoded * e, GstSample * sample, GstClockTime * base)
{
  GstBuffer *buffer = gst_buffer_copy (gst_sample_get_buffer (sample));

  if (*base == GST_CLOCK_TIME_NONE) {
    e->caps = gst_caps_ref (gst_sample_get_caps (sample));
    *base = GST_BUFFER_DTS_OR_PTS (buffer);
  }
  GST_BUFFER_PTS (buffer) -= *base;
  if (GST_BUFFER_DTS_IS_VALID (buffer))
    GST_BUFFER_DTS (buffer) -= *base;
  fail_unless (GST_BUFFER_DURATION_IS_VALID (buffer));
  e->length += GST_BUFFER_DURATION (buffer);
  g_ptr_array_add (e->buffers, buffer);
}

/* What @description makes of its source, up to its end. */
static inline Encoded *
encode (const gchar * description)
{
  g_autofree gchar *text = g_strconcat (description, " ! appsink name=out sync=false", NULL);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);
  Encoded *e = g_new0 (Encoded, 1);
  GstClockTime base = GST_CLOCK_TIME_NONE;
  GstElement *sink;
  GstSample *sample;

  fail_unless (pipeline && !error, "%s", error ? error->message : "");
  e->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (;;) {
    g_signal_emit_by_name (sink, "try-pull-sample", (guint64) PATIENCE * 1000, &sample);
    if (!sample)
      break;
    encoded_add (e, sample, &base);
    gst_sample_unref (sample);
  }
  fail_unless (e->buffers->len > 0, "nothing came of %s", description);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  return e;
}

#define FPS 25
#define FRAME ((GstClockTime) GST_SECOND / FPS)

/* @seconds of 25 frames each, a closed GOP of @gop frames; @options: of x264enc. */
static inline Encoded *
encode_video (guint seconds, guint width, guint gop, const gchar * format, const gchar * options)
{
  g_autofree gchar *text = g_strdup_printf ("videotestsrc num-buffers=%u ! video/x-raw,format=I420,width=%u,height=%u,"
      "framerate=25/1 ! x264enc speed-preset=ultrafast threads=1 key-int-max=%u option-string=scenecut=0:open-gop=0 %s "
      "! h264parse config-interval=-1 ! video/x-h264,stream-format=%s,alignment=au", seconds * FPS, width,
      width * 9 / 16 & ~1u, gop, options, format);

  return encode (text);
}

/* 1024 samples a frame, 48 of them a bit more than a second. */
static inline Encoded *
encode_audio (guint frames, const gchar * format)
{
  g_autofree gchar *text = g_strdup_printf ("audiotestsrc num-buffers=%u samplesperbuffer=1024 ! audio/x-raw,rate=48000,"
      "channels=2 ! avenc_aac ! aacparse ! audio/mpeg,stream-format=%s", frames, format);

  return encode (text);
}
