/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Replays encoded files in real time into many output groups of one process, without an encoder, a demuxer or a
 * thread per stream in the way, and says what that took (one JSON object).
 *
 * scale --channels N --seconds S --sink SINK FILE...
 *
 * Each FILE (MP4, H.264 and AAC) is one rendition of every channel; the files are looped. SINK is launch syntax in which %c
 * stands for the channel and %p for the pipeline; "discard" takes every object and drops it. --log prints a line
 * per buffer of the first channel: stream, PTS, time, whether it is a keyframe.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <gst/app/gstappsink.h>
#include <gst/delivery/gstdelivery.h>

/* --- a sink that does all a sink does, but store --- */

typedef GstDeliverySink DiscardSink;
typedef GstDeliverySinkClass DiscardSinkClass;
static GType discard_sink_get_type (void);
G_DEFINE_TYPE (DiscardSink, discard_sink, GST_TYPE_DELIVERY_SINK)

static void
discard_publish (GstDeliverySink * sink, gpointer connection, GstDeliveryObject * object, GCancellable * cancellable,
    GstDeliveryResult * result)
{
  result->verdict = GST_DELIVERY_PUBLISHED;
  result->keep_connection = TRUE;
}

static void
discard_remove (GstDeliverySink * sink, gpointer connection, const gchar * name, GCancellable * cancellable,
    GstDeliveryResult * result)
{
  result->verdict = GST_DELIVERY_PUBLISHED;
  result->keep_connection = TRUE;
}

static void
discard_sink_class_init (DiscardSinkClass * klass)
{
  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "Discard", "Sink", "Publishes to nowhere",
      "gst-output-groups");
  klass->default_connections = 1;
  klass->publish = discard_publish;
  klass->remove = discard_remove;
}

static void
discard_sink_init (DiscardSink * self)
{
}

/* --- what is replayed --- */

typedef struct {
  GPtrArray *buffers;
  GstCaps *caps;
  GstClockTime length;
} Clip;

typedef struct {
  const Clip *clip;
  GstPad *pad;
  guint next;                   /* index into the clip */
  GstClockTime offset;          /* of the loop it is in */
} Stream;

typedef struct {
  GstElement *pipeline;
  GPtrArray *sinks;
  Stream *streams;
} Channel;

typedef struct {
  Channel *channels;
  guint n_channels, n_streams;
  GstClockTime start, seconds;
  gboolean log;
  GstClockTime worst_lag;
  guint64 pushed;
} Feeder;

static const gchar *const PARSERS[2] = {
  "d.video_0 ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au",
  "d.audio_0 ! aacparse ! audio/mpeg,stream-format=raw",
};

static Clip
clip_load (const gchar * path, gboolean audio)
{
  Clip clip = { g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref), NULL, 0 };
  g_autofree gchar *text = g_strdup_printf ("filesrc location=%s ! qtdemux name=d %s ! appsink name=out sync=false",
      path, PARSERS[audio]);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (text, &error);
  g_autoptr (GstElement) sink = NULL;
  GstSample *sample;
  GstClockTime first = GST_CLOCK_TIME_NONE;

  if (pipeline == NULL || error != NULL)
    g_error ("%s: %s", text, error->message);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((sample = gst_app_sink_pull_sample (GST_APP_SINK (sink))) != NULL) {
    GstBuffer *buffer = gst_buffer_copy (gst_sample_get_buffer (sample));

    gst_caps_replace (&clip.caps, gst_sample_get_caps (sample));
    if (!GST_BUFFER_DTS_IS_VALID (buffer))
      GST_BUFFER_DTS (buffer) = GST_BUFFER_PTS (buffer);
    if (first == GST_CLOCK_TIME_NONE)
      first = GST_BUFFER_DTS (buffer);
    GST_BUFFER_DTS (buffer) -= first;
    GST_BUFFER_PTS (buffer) -= first;
    clip.length += GST_BUFFER_DURATION (buffer);
    g_ptr_array_add (clip.buffers, buffer);
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  if (clip.buffers->len == 0)
    g_error ("%s has no %s that this tool can replay", path, audio ? "AAC" : "H.264");
  return clip;
}

/* --- a channel --- */

/* The pads stand for a live source. */
static gboolean
answer_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return gst_pad_query_default (pad, parent, query);
  gst_query_set_latency (query, TRUE, 0, GST_CLOCK_TIME_NONE);
  return TRUE;
}

static gboolean
take_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  gst_event_unref (event);
  return TRUE;
}

static void
stream_link (Stream * stream, const Clip * clip, GstElement * group, const gchar * name)
{
  g_autoptr (GstPad) sink = gst_element_request_pad_simple (group, name);

  stream->clip = clip;
  stream->pad = gst_pad_new (name, GST_PAD_SRC);
  gst_pad_set_query_function (stream->pad, answer_query);
  gst_pad_set_event_function (stream->pad, take_event);
  if (sink == NULL || gst_pad_link (stream->pad, sink) != GST_PAD_LINK_OK)
    g_error ("cannot link to %s", name);
}

static void
stream_begin (Stream * stream)
{
  GstSegment segment;

  gst_pad_set_active (stream->pad, TRUE);
  gst_pad_push_event (stream->pad, gst_event_new_stream_start (GST_PAD_NAME (stream->pad)));
  gst_pad_push_event (stream->pad, gst_event_new_caps (stream->clip->caps));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (stream->pad, gst_event_new_segment (&segment));
}

static gchar *
sink_text (const gchar * sink, guint channel, guint pipeline)
{
  GString *text = g_string_new (strcmp (sink, "discard") == 0 ? "discardsink location=%c" : sink);
  g_autofree gchar *c = g_strdup_printf ("%u", channel);
  g_autofree gchar *p = g_strdup_printf ("%u", pipeline);

  g_string_replace (text, "%c", c, 0);
  g_string_replace (text, "%p", p, 0);
  return g_string_free (text, FALSE);
}

static void
channel_open (Channel * channel, guint index, const gchar * sink, const Clip * clips, guint n_files,
    guint segment_length, guint pipelines, GstClock * clock)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) group = NULL;
  GString *text = g_string_new (NULL);

  g_string_printf (text, "hlsoutputgroup name=group segment-length=%u", segment_length);
  for (guint p = 0; p < pipelines; p++) {
    g_autofree gchar *one = sink_text (sink, index, p);
    g_string_append_printf (text, " group.src_%u ! %s name=sink%u", p, one, p);
  }
  channel->pipeline = gst_parse_launch (text->str, &error);
  if (channel->pipeline == NULL || error != NULL)
    g_error ("%s: %s", text->str, error->message);
  g_string_free (text, TRUE);
  gst_pipeline_use_clock (GST_PIPELINE (channel->pipeline), clock);
  gst_element_set_start_time (channel->pipeline, GST_CLOCK_TIME_NONE);
  group = gst_bin_get_by_name (GST_BIN (channel->pipeline), "group");
  channel->streams = g_new0 (Stream, 2 * n_files);
  for (guint i = 0; i < 2 * n_files; i++) {
    g_autofree gchar *name = g_strdup_printf ("%s_r%u", i % 2 ? "audio" : "video", i / 2);
    stream_link (&channel->streams[i], &clips[i], group, name);
  }
  if (gst_element_set_state (channel->pipeline, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE)
    g_error ("channel %u does not start", index);
  for (guint i = 0; i < 2 * n_files; i++)
    stream_begin (&channel->streams[i]);
  channel->sinks = g_ptr_array_new_with_free_func (gst_object_unref);
  for (guint p = 0; p < pipelines; p++) {
    g_autofree gchar *name = g_strdup_printf ("sink%u", p);
    g_ptr_array_add (channel->sinks, gst_bin_get_by_name (GST_BIN (channel->pipeline), name));
  }
}

static void
channel_close (Channel * channel, guint n_streams)
{
  gst_element_set_state (channel->pipeline, GST_STATE_NULL);
  for (guint i = 0; i < n_streams; i++) {
    gst_pad_set_active (channel->streams[i].pad, FALSE);
    gst_object_unref (channel->streams[i].pad);
  }
  g_free (channel->streams);
  g_ptr_array_unref (channel->sinks);
  gst_object_unref (channel->pipeline);
}

/* --- feeding --- */

static GstClockTime
stream_due (const Stream * stream)
{
  return stream->offset + GST_BUFFER_DTS (g_ptr_array_index (stream->clip->buffers, stream->next));
}

static void
stream_push (Stream * stream, gboolean log)
{
  GstBuffer *buffer = gst_buffer_copy (g_ptr_array_index (stream->clip->buffers, stream->next));

  GST_BUFFER_PTS (buffer) += stream->offset;
  GST_BUFFER_DTS (buffer) += stream->offset;
  if (++stream->next == stream->clip->buffers->len) {
    stream->next = 0;
    stream->offset += stream->clip->length;
  }
  if (log)
    printf ("%s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %d\n", GST_PAD_NAME (stream->pad), GST_BUFFER_PTS (buffer),
        g_get_monotonic_time (), !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT));
  gst_pad_push (stream->pad, buffer);
}

static gpointer
feed (gpointer data)
{
  Feeder *feeder = data;
  GstClockTime now = 0;

  while (now < feeder->seconds * GST_SECOND) {
    GstClockTime next = GST_CLOCK_TIME_NONE;
    gint64 wait;

    now = g_get_monotonic_time () * GST_USECOND - feeder->start;
    for (guint c = 0; c < feeder->n_channels; c++) {
      for (guint s = 0; s < feeder->n_streams; s++) {
        Stream *stream = &feeder->channels[c].streams[s];
        GstClockTime due;

        while ((due = stream_due (stream)) <= now) {
          feeder->worst_lag = MAX (feeder->worst_lag, g_get_monotonic_time () * GST_USECOND - feeder->start - due);
          stream_push (stream, feeder->log && c == 0);
          feeder->pushed++;
        }
        next = MIN (next, due);
      }
    }
    wait = (gint64) (next / GST_USECOND) - (g_get_monotonic_time () - (gint64) (feeder->start / GST_USECOND));
    if (wait > 0)
      g_usleep (MIN (wait, 10000));
  }
  return NULL;
}

/* --- what it took --- */

static guint64
resident_bytes (void)
{
  g_autofree gchar *text = NULL;
  const gchar *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL) || (line = strstr (text, "VmRSS:")) == NULL)
    return 0;
  return g_ascii_strtoull (line + 6, NULL, 10) * 1024;
}

static gdouble
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

typedef struct {
  guint64 published, bytes, lost, p50, p99;
  gdouble backlog;
} Totals;

static void
add_stats (GstElement * sink, Totals * totals)
{
  GstStructure *stats = NULL;
  guint64 published = 0, bytes = 0, lost = 0, p50 = 0, p99 = 0;
  gdouble backlog = 0;

  g_object_get (sink, "stats", &stats, NULL);
  gst_structure_get (stats, "objects-published", G_TYPE_UINT64, &published, "bytes-published", G_TYPE_UINT64, &bytes,
      "lost", G_TYPE_UINT64, &lost, "latency-p50", G_TYPE_UINT64, &p50, "latency-p99", G_TYPE_UINT64, &p99,
      "backlog-seconds", G_TYPE_DOUBLE, &backlog, NULL);
  gst_structure_free (stats);
  totals->published += published;
  totals->bytes += bytes;
  totals->lost += lost;
  totals->p50 = MAX (totals->p50, p50);
  totals->p99 = MAX (totals->p99, p99);
  totals->backlog = MAX (totals->backlog, backlog);
}

int
main (int argc, char **argv)
{
  gint n_channels = 1, seconds = 20, segment_length = 6, pipelines = 2, threads = 1;
  g_autofree gchar *sink = NULL;
  g_auto (GStrv) files = NULL;
  gboolean log = FALSE;
  const GOptionEntry entries[] = {
    {"channels", 0, 0, G_OPTION_ARG_INT, &n_channels, "Output groups", "N"},
    {"seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "How long", "S"},
    {"segment-length", 0, 0, G_OPTION_ARG_INT, &segment_length, "Seconds of a segment", "S"},
    {"pipelines", 0, 0, G_OPTION_ARG_INT, &pipelines, "Pipelines of a group", "1|2"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "Threads that feed", "N"},
    {"sink", 0, 0, G_OPTION_ARG_STRING, &sink, "Launch syntax, or discard", "SINK"},
    {"log", 0, 0, G_OPTION_ARG_NONE, &log, "A line per buffer of the first channel", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "FILE..."},
    {NULL}
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GstClock) clock = NULL;
  g_autofree Clip *clips = NULL;
  g_autofree Channel *channels = NULL;
  g_autofree Feeder *feeders = NULL;
  g_autofree GThread **running = NULL;
  guint n_files, first = 0;
  guint64 base, used;
  GstClockTime start, lag = 0;
  gdouble cpu;
  Totals totals = { 0 };

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error) || files == NULL || n_channels < 1 || threads < 1
      || pipelines < 1 || pipelines > 2) {
    fprintf (stderr, "%s\n", error ? error->message : "scale --channels N --sink SINK FILE...");
    return 2;
  }
  gst_delivery_init ();
  gst_element_register (NULL, "discardsink", GST_RANK_NONE, discard_sink_get_type ());
  n_files = g_strv_length (files);
  clips = g_new0 (Clip, 2 * n_files);
  for (guint i = 0; i < 2 * n_files; i++)
    clips[i] = clip_load (files[i / 2], i % 2);

  base = resident_bytes ();
  clock = gst_system_clock_obtain ();
  channels = g_new0 (Channel, n_channels);
  for (gint i = 0; i < n_channels; i++)
    channel_open (&channels[i], i, sink ? sink : "discard", clips, n_files, segment_length, pipelines, clock);
  /* Time begins when all are there: opening hundreds is not what is measured. */
  start = g_get_monotonic_time () * GST_USECOND;
  for (gint i = 0; i < n_channels; i++) {
    gst_element_set_base_time (channels[i].pipeline, start);
    gst_element_set_state (channels[i].pipeline, GST_STATE_PLAYING);
  }
  cpu = cpu_seconds ();

  threads = MIN (threads, n_channels);
  feeders = g_new0 (Feeder, threads);
  running = g_new0 (GThread *, threads);
  for (gint i = 0; i < threads; i++) {
    guint last = (guint) n_channels * (i + 1) / threads;
    feeders[i] = (Feeder) { &channels[first], last - first, 2 * n_files, start, seconds, log && i == 0, 0, 0 };
    first = last;
    running[i] = g_thread_new ("feed", feed, &feeders[i]);
  }
  for (gint i = 0; i < threads; i++) {
    g_thread_join (running[i]);
    lag = MAX (lag, feeders[i].worst_lag);
  }
  cpu = cpu_seconds () - cpu;
  used = resident_bytes ();
  for (gint i = 0; i < n_channels; i++)
    for (guint p = 0; p < channels[i].sinks->len; p++)
      add_stats (g_ptr_array_index (channels[i].sinks, p), &totals);
  printf ("{\"channels\": %d, \"seconds\": %d, \"cpu\": %.3f, \"rss_base\": %" G_GUINT64_FORMAT ", \"rss\": %"
      G_GUINT64_FORMAT ", \"worst_lag_ms\": %.1f, \"published\": %" G_GUINT64_FORMAT ", \"bytes\": %" G_GUINT64_FORMAT
      ", \"lost\": %" G_GUINT64_FORMAT ", \"latency_p50_ms\": %.3f, \"latency_p99_ms\": %.3f, \"backlog_seconds\": %.2f}\n",
      n_channels, seconds, cpu, base, used, lag / 1e6, totals.published, totals.bytes, totals.lost, totals.p50 / 1e6,
      totals.p99 / 1e6, totals.backlog);
  fflush (stdout);
  for (gint i = 0; i < n_channels; i++)
    channel_close (&channels[i], 2 * n_files);
  for (guint i = 0; i < 2 * n_files; i++) {
    g_ptr_array_unref (clips[i].buffers);
    gst_caps_unref (clips[i].caps);
  }
  return 0;
}
