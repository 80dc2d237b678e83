/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bin as an application sees it: pads, children, properties, states, and whole runs
 * into appsinks and a folder.
 */
#include "encoded.h"

#include <gst/delivery/gstdelivery.h>
#include <glib/gstdio.h>

#define S GST_SECOND

/* --- helpers --- */

static GstElement *
new_group (void)
{
  GstElement *hls = gst_element_factory_make ("hlsoutputgroup", "hls");

  fail_unless (hls != NULL, "no hlsoutputgroup in GST_PLUGIN_PATH");
  return gst_object_ref_sink (hls);
}

static GstElement *
launch (const gchar *text)
{
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);

  fail_unless (pipeline && !error, "%s: %s", text, error ? error->message : "");
  return pipeline;
}

static GstElement *
get (GstElement *pipeline, const gchar *name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  fail_unless (element != NULL, "no element %s", name);
  /* The pipeline holds it. */
  gst_object_unref (element);
  return element;
}

/* The next message of @types; an error that is not asked for fails the test. */
static void
wait_message (GstElement *pipeline, GstMessageType type, const gchar *text)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, PATIENCE * 1000, type | GST_MESSAGE_ERROR);
  g_autoptr (GError) error = NULL;

  fail_unless (message != NULL, "no %s message", gst_message_type_get_name (type));
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    gst_message_parse_warning (message, &error, NULL);
  fail_unless (GST_MESSAGE_TYPE (message) == type, "%s", error ? error->message : "");
  if (text)
    fail_unless (strstr (error->message, text) != NULL, "\"%s\" is not in \"%s\"", text, error->message);
  gst_message_unref (message);
}

static void
stop (GstElement *pipeline)
{
  GstElement *hls = get (pipeline, "hls");
  gint64 began = g_get_monotonic_time ();

  g_object_add_weak_pointer (G_OBJECT (hls), (gpointer *) &hls);
  fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  fail_unless (g_get_monotonic_time () - began < 2 * G_TIME_SPAN_SECOND, "a state change to NULL takes too long");
  ASSERT_OBJECT_REFCOUNT (pipeline, "pipeline", 1);
  gst_object_unref (pipeline);
  fail_unless (hls == NULL, "the group is leaked");
}

typedef struct
{
  GstBuffer *buffer;
  GstDeliveryInfo info;
  gchar *text;                  /* of a playlist */
} Object;

static void
object_free (gpointer data)
{
  Object *object = data;

  gst_buffer_unref (object->buffer);
  g_free (object->text);
  g_free (object);
}

/* The next whole object of an appsink, NULL at the end. */
static Object *
pull (GstElement *sink)
{
  GstSample *sample = NULL;
  Object *object;
  GError *error = NULL;
  GstMapInfo map;
  gboolean last;

  g_signal_emit_by_name (sink, "try-pull-sample", (guint64) PATIENCE * 1000, &sample);
  if (!sample) {
    gboolean eos;

    g_object_get (sink, "eos", &eos, NULL);
    fail_unless (eos, "%s: nothing came", GST_OBJECT_NAME (sink));
    return NULL;
  }
  object = g_new0 (Object, 1);
  object->buffer = gst_buffer_ref (gst_sample_get_buffer (sample));
  gst_sample_unref (sample);
  last = GST_BUFFER_FLAG_IS_SET (object->buffer, GST_BUFFER_FLAG_MARKER);
  while (!last) {
    g_signal_emit_by_name (sink, "try-pull-sample", (guint64) PATIENCE * 1000, &sample);
    fail_unless (sample != NULL, "%s: an object without an end", GST_OBJECT_NAME (sink));
    last = GST_BUFFER_FLAG_IS_SET (gst_sample_get_buffer (sample), GST_BUFFER_FLAG_MARKER);
    object->buffer = gst_buffer_append (object->buffer, gst_buffer_ref (gst_sample_get_buffer (sample)));
    gst_sample_unref (sample);
  }
  fail_unless (gst_delivery_buffer_get_info (object->buffer, FALSE, &object->info, &error), "%s",
      error ? error->message : "");
  if (GST_DELIVERY_KIND_IS_PLAYLIST (object->info.kind)) {
    fail_unless (gst_buffer_map (object->buffer, &map, GST_MAP_READ));
    object->text = g_strndup ((const gchar *) map.data, map.size);
    gst_buffer_unmap (object->buffer, &map);
  }
  return object;
}

static GPtrArray *
pull_all (GstElement *sink)
{
  GPtrArray *objects = g_ptr_array_new_with_free_func (object_free);
  Object *object;

  while ((object = pull (sink)))
    g_ptr_array_add (objects, object);
  return objects;
}

/* The first object called @name (its newest, where there are more), pulling until it has come and says @text. */
static void
pull_until (GstElement *sink, const gchar *name, const gchar *text)
{
  gboolean found = FALSE;

  while (!found) {
    Object *object = pull (sink);

    fail_unless (object != NULL, "%s never came%s%s", name, text ? " with " : "", text ? text : "");
    found = g_str_equal (object->info.name, name) && (!text || (object->text && strstr (object->text, text)));
    object_free (object);
  }
}

/* Frames @from to @to of @e, into an appsrc. */
static void
feed (GstElement *source, const Encoded *e, guint from, guint to)
{
  g_object_set (source, "caps", e->caps, NULL);
  for (guint i = from; i < to; i++) {
    GstFlowReturn flow;

    g_signal_emit_by_name (source, "push-buffer", g_ptr_array_index (e->buffers, i), &flow);
    fail_unless_equals_int (flow, GST_FLOW_OK);
  }
}

static void
end (GstElement *source)
{
  GstFlowReturn flow;

  g_signal_emit_by_name (source, "end-of-stream", &flow);
  fail_unless_equals_int (flow, GST_FLOW_OK);
}

#define APPSRC(name, pad) " appsrc name=" name " format=time ! hls." pad
#define APPSINK(name, pad) " hls." pad " ! appsink sync=false async=false name=" name

/* --- properties --- */

static void
check_uint (GstElement *hls, const gchar *name, guint minimum, guint maximum, guint value)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (hls), name);
  guint is;

  fail_unless (G_IS_PARAM_SPEC_UINT (spec));
  fail_unless_equals_int (((GParamSpecUInt *) spec)->minimum, minimum);
  fail_unless_equals_int (((GParamSpecUInt *) spec)->maximum, maximum);
  fail_unless_equals_int (((GParamSpecUInt *) spec)->default_value, value);
  g_object_get (hls, name, &is, NULL);
  fail_unless_equals_int (is, value);
  g_object_set (hls, name, minimum + 1, NULL);
  g_object_get (hls, name, &is, NULL);
  fail_unless_equals_int (is, minimum + 1);
}

static void
check_enum (GstElement *hls, const gchar *name, const gchar *initial, const gchar *other)
{
  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *value = NULL;
    GValue is = G_VALUE_INIT;

    g_object_get_property (G_OBJECT (hls), name, &is);
    value = gst_value_serialize (&is);
    fail_unless_equals_string (value, i == 0 ? initial : other);
    g_value_unset (&is);
    gst_util_set_object_arg (G_OBJECT (hls), name, other);
  }
}

GST_START_TEST (test_properties)
{
  GstElement *hls = new_group ();

  check_uint (hls, "segment-length", 1, 3600, 6);
  check_uint (hls, "index-n-segments", 3, G_MAXINT, 10);
  check_uint (hls, "keep-segments", 1, G_MAXINT, 21);
  check_enum (hls, "mode", "live", "vod");
  check_enum (hls, "program-date-time", "include", "exclude");
  gst_object_unref (hls);
}

GST_END_TEST;

/* --- pads --- */

static GstPad *
request (GstElement *hls, const gchar *template, const gchar *name)
{
  GstPadTemplate *templ = gst_element_get_pad_template (hls, template);

  fail_unless (templ != NULL);
  return gst_element_request_pad (hls, templ, name, NULL);
}

static void
expect_pad (GstPad *pad, const gchar *name)
{
  fail_unless (pad != NULL, "no pad %s", name);
  fail_unless_equals_string (GST_PAD_NAME (pad), name);
  gst_object_unref (pad);
}

GST_START_TEST (test_request_pads)
{
  GstElement *hls = new_group ();
  static const gchar *const names[] = { "src_1", "video_high", "src_0", "audio_high", "audio_eng", "video_low" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    expect_pad (gst_element_request_pad_simple (hls, names[i]), names[i]);
  /* As graph editors do. */
  expect_pad (request (hls, "video_%s", NULL), "video_0");
  expect_pad (request (hls, "video_%s", NULL), "video_1");
  expect_pad (request (hls, "audio_%s", NULL), "audio_0");
  expect_pad (request (hls, "src_%u", NULL), "src_2");
  expect_pad (gst_element_request_pad_simple (hls, "video_%s"), "video_2");
  expect_pad (gst_element_request_pad_simple (hls, "src_%u"), "src_3");
  expect_pad (request (hls, "src_%u", "src_7"), "src_7");
  expect_pad (request (hls, "audio_%s", "audio_a-b.c_d"), "audio_a-b.c_d");
  fail_unless_equals_int (hls->numsrcpads, 5);
  fail_unless_equals_int (hls->numsinkpads, 9);
  /* Outputs: high, eng, low, 0, 1, 2, a-b.c_d. */
  fail_unless_equals_int (gst_child_proxy_get_children_count (GST_CHILD_PROXY (hls)), 7 + 5);
  gst_object_unref (hls);
}

GST_END_TEST;

GST_START_TEST (test_refused_pads)
{
  GstElement *hls = new_group ();
  static const gchar *const refused[] = { "video_high", "src_0", "video_a/b", "audio_..", "audio_a?b", "video_a#",
    "video_%20", "src_00"
  };
  GstPad *nameless = NULL;

  expect_pad (gst_element_request_pad_simple (hls, "video_high"), "video_high");
  expect_pad (gst_element_request_pad_simple (hls, "src_0"), "src_0");
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    const gchar *templ = g_str_has_prefix (refused[i], "src") ? "src_%u" : g_str_has_prefix (refused[i],
        "video") ? "video_%s" : "audio_%s";
    GstPad *pad = NULL;

    ASSERT_WARNING (pad = request (hls, templ, refused[i]));
    fail_unless (pad == NULL, "%s", refused[i]);
  }
  /* GStreamer itself minds that one. */
  ASSERT_CRITICAL (nameless = request (hls, "video_%s", "video_"));
  fail_unless (nameless == NULL);
  fail_unless_equals_int (hls->numpads, 2);
  fail_unless_equals_int (gst_child_proxy_get_children_count (GST_CHILD_PROXY (hls)), 2);
  /* Free again. */
  {
    GstPad *pad = gst_element_get_static_pad (hls, "video_high");

    gst_element_release_request_pad (hls, pad);
    gst_object_unref (pad);
  }
  expect_pad (gst_element_request_pad_simple (hls, "video_high"), "video_high");
  gst_object_unref (hls);
}

GST_END_TEST;

GST_START_TEST (test_pads_that_launch_lines_ask_for)
{
  GstElement *pipeline = launch ("hlsoutputgroup name=hls hls. ! fakesink hls. ! fakesink hls.src_5 ! fakesink "
      "videotestsrc ! x264enc ! h264parse ! hls. audiotestsrc ! avenc_aac ! aacparse ! hls. "
      "audiotestsrc ! avenc_aac ! aacparse ! hls.audio_eng videotestsrc ! x264enc ! h264parse ! hls.video_%s");
  static const gchar *const names[] = { "src_0", "src_1", "src_5", "video_0", "audio_0", "audio_eng", "video_1" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    expect_pad (gst_element_get_static_pad (get (pipeline, "hls"), names[i]), names[i]);
  fail_unless_equals_int (get (pipeline, "hls")->numpads, G_N_ELEMENTS (names));
  stop (pipeline);
}

GST_END_TEST;

/* --- children --- */

static void
note_child (GstChildProxy *proxy, GObject *child, const gchar *name, gpointer data)
{
  /* GstBin tells of its elements by the same signal. */
  if (!GST_IS_ELEMENT (child))
    g_string_append_printf (data, "%s ", name);
}

GST_START_TEST (test_children)
{
  GstElement *hls = new_group ();
  GString *added = g_string_new (NULL), *removed = g_string_new (NULL);
  GstPad *video, *audio, *src;
  GObject *child;
  gchar *text;

  g_signal_connect (hls, "child-added", G_CALLBACK (note_child), added);
  g_signal_connect (hls, "child-removed", G_CALLBACK (note_child), removed);
  video = gst_element_request_pad_simple (hls, "video_high");
  audio = gst_element_request_pad_simple (hls, "audio_high");
  src = gst_element_request_pad_simple (hls, "src_1");
  fail_unless_equals_string (added->str, "high src_1 ");

  child = gst_child_proxy_get_child_by_name (GST_CHILD_PROXY (hls), "high");
  fail_unless (child != NULL);
  g_object_get (child, "name-modifier", &text, NULL);
  fail_unless_equals_string (text, "-high");
  g_free (text);
  gst_object_unref (child);
  gst_child_proxy_set (GST_CHILD_PROXY (hls), "high::name-modifier", "-1080p", "high::segment-modifier", "_s",
      "src_1::base-name", "curling", NULL);
  gst_child_proxy_get (GST_CHILD_PROXY (hls), "high::name-modifier", &text, NULL);
  fail_unless_equals_string (text, "-1080p");
  g_free (text);
  gst_child_proxy_get (GST_CHILD_PROXY (hls), "src_1::base-name", &text, NULL);
  fail_unless_equals_string (text, "curling");
  g_free (text);
  /* What cannot be part of a name changes nothing. */
  ASSERT_WARNING (gst_child_proxy_set (GST_CHILD_PROXY (hls), "high::name-modifier", "a/b", NULL));
  ASSERT_WARNING (gst_child_proxy_set (GST_CHILD_PROXY (hls), "src_1::base-name", "a?b", NULL));
  gst_child_proxy_get (GST_CHILD_PROXY (hls), "high::name-modifier", &text, NULL);
  fail_unless_equals_string (text, "-1080p");
  g_free (text);
  gst_child_proxy_get (GST_CHILD_PROXY (hls), "src_1::base-name", &text, NULL);
  fail_unless_equals_string (text, "curling");
  g_free (text);

  gst_element_release_request_pad (hls, video);
  fail_unless_equals_string (removed->str, "");
  gst_element_release_request_pad (hls, audio);
  fail_unless_equals_string (removed->str, "high ");
  gst_element_release_request_pad (hls, src);
  fail_unless_equals_string (removed->str, "high src_1 ");
  fail_unless_equals_int (gst_child_proxy_get_children_count (GST_CHILD_PROXY (hls)), 0);
  fail_unless_equals_int (hls->numpads, 0);
  ASSERT_OBJECT_REFCOUNT (video, "video", 1);
  ASSERT_OBJECT_REFCOUNT (audio, "audio", 1);
  ASSERT_OBJECT_REFCOUNT (src, "src", 1);
  gst_object_unref (video);
  gst_object_unref (audio);
  gst_object_unref (src);
  g_string_free (added, TRUE);
  g_string_free (removed, TRUE);
  gst_object_unref (hls);
}

GST_END_TEST;

/* Written before the pads that make the children. */
GST_START_TEST (test_children_of_launch_lines)
{
  GstElement *pipeline = launch ("hlsoutputgroup name=hls high::name-modifier=-1080p src_1::base-name=curling "
      "fakesrc ! hls.video_high hls.src_1 ! fakesink");
  GstChildProxy *hls = GST_CHILD_PROXY (get (pipeline, "hls"));
  gchar *modifier, *base_name;

  gst_child_proxy_get (hls, "high::name-modifier", &modifier, "src_1::base-name", &base_name, NULL);
  fail_unless_equals_string (modifier, "-1080p");
  fail_unless_equals_string (base_name, "curling");
  g_free (modifier);
  g_free (base_name);
  stop (pipeline);
}

GST_END_TEST;

/* --- whole runs --- */

static guint
count_kind (GPtrArray *objects, GstDeliveryKind kind, const gchar *track)
{
  guint n = 0;

  for (guint i = 0; i < objects->len; i++) {
    Object *object = g_ptr_array_index (objects, i);

    n += object->info.kind == kind && g_str_equal (object->info.track, track);
  }
  return n;
}

/* Whatever a playlist names came before it. */
static void
check_order (GPtrArray *objects)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < objects->len; i++) {
    Object *object = g_ptr_array_index (objects, i);
    g_auto (GStrv) lines = object->text ? g_strsplit (object->text, "\n", -1) : NULL;

    for (guint k = 0; lines && lines[k]; k++)
      if (lines[k][0] && lines[k][0] != '#')
        fail_unless (g_hash_table_contains (known, lines[k]), "%s names %s, which has not come", object->info.name,
            lines[k]);
    g_hash_table_add (known, (gpointer) object->info.name);
  }
}

static void
check_same_payload (GPtrArray *a, GPtrArray *b)
{
  fail_unless_equals_int (a->len, b->len);
  for (guint i = 0; i < a->len; i++) {
    Object *x = g_ptr_array_index (a, i), *y = g_ptr_array_index (b, i);

    fail_unless_equals_int (x->info.kind, y->info.kind);
    fail_unless_equals_string (x->info.track, y->info.track);
    fail_unless_equals_uint64 (x->info.sequence, y->info.sequence);
    fail_unless (g_str_has_prefix (x->info.name, "curling"));
    fail_unless (g_str_has_prefix (y->info.name, "backup"));
    fail_unless_equals_string (x->info.name + strlen ("curling"), y->info.name + strlen ("backup"));
    if (x->info.kind != GST_DELIVERY_KIND_SEGMENT)
      continue;
    fail_unless_equals_int (gst_buffer_n_memory (x->buffer), gst_buffer_n_memory (y->buffer));
    fail_unless (gst_buffer_n_memory (x->buffer) > 0);
    for (guint k = 0; k < gst_buffer_n_memory (x->buffer); k++)
      fail_unless (gst_buffer_peek_memory (x->buffer, k) == gst_buffer_peek_memory (y->buffer, k), "%s is copied",
          x->info.name);
  }
}

#define LADDER " videotestsrc num-buffers=150 ! video/x-raw,width=160,height=90,framerate=25/1 ! tee name=t " \
    " t. ! queue ! x264enc key-int-max=50 speed-preset=ultrafast bitrate=200 ! h264parse ! hls.video_high " \
    " t. ! queue ! x264enc key-int-max=50 speed-preset=ultrafast bitrate=100 ! h264parse ! hls.video_low " \
    " audiotestsrc num-buffers=281 samplesperbuffer=1024 ! audio/x-raw,rate=48000 ! avenc_aac ! aacparse ! hls.audio_high"

GST_START_TEST (test_two_pipelines)
{
  GstElement *pipeline = launch ("hlsoutputgroup name=hls mode=vod segment-length=2 high::name-modifier=-1080p "
      "src_0::base-name=curling src_1::base-name=backup" APPSINK ("a", "src_0") APPSINK ("b", "src_1") LADDER);
  GstStateChangeReturn ret = gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GPtrArray *a, *b;
  Object *begin = NULL, *last;

  fail_unless (ret != GST_STATE_CHANGE_FAILURE);
  a = pull_all (get (pipeline, "a"));
  b = pull_all (get (pipeline, "b"));
  wait_message (pipeline, GST_MESSAGE_EOS, NULL);
  check_order (a);
  check_order (b);
  check_same_payload (a, b);
  fail_unless_equals_int (count_kind (a, GST_DELIVERY_KIND_SEGMENT, "high"), 3);
  fail_unless_equals_int (count_kind (a, GST_DELIVERY_KIND_SEGMENT, "low"), 3);
  fail_unless (count_kind (a, GST_DELIVERY_KIND_PLAYLIST, "high") >= 4);
  fail_unless (count_kind (a, GST_DELIVERY_KIND_MULTIVARIANT, "") >= 1);
  for (guint i = 0; !begin; i++) {
    fail_unless (i < a->len);
    if (g_str_equal (((Object *) g_ptr_array_index (a, i))->info.track, "high"))
      begin = g_ptr_array_index (a, i);
  }
  fail_unless_equals_string (begin->info.name, "curling-1080p_00001.ts");
  for (guint i = a->len; i-- > 0;) {
    last = g_ptr_array_index (a, i);
    if (last->info.kind != GST_DELIVERY_KIND_PLAYLIST)
      continue;
    fail_unless (strstr (last->text, "#EXT-X-ENDLIST") && strstr (last->text, "#EXT-X-PLAYLIST-TYPE:VOD"));
    break;
  }
  g_ptr_array_unref (a);
  g_ptr_array_unref (b);
  stop (pipeline);
}

GST_END_TEST;

static void
remove_folder (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *file = g_build_filename (path, name, NULL);

    fail_unless_equals_int (g_remove (file), 0);
  }
  if (dir)
    g_dir_close (dir);
  fail_unless_equals_int (g_rmdir (path), 0);
}

static void
expect_file (const gchar *folder, const gchar *name, const gchar *text)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autofree gchar *content = NULL;
  gsize size;

  fail_unless (g_file_get_contents (path, &content, &size, NULL), "no %s", name);
  fail_unless (size > 0);
  if (text)
    fail_unless (strstr (content, text) != NULL, "no \"%s\" in %s:\n%s", text, name, content);
}

/* Twice with the same elements: everything begins anew. */
GST_START_TEST (test_into_a_folder_and_again)
{
  g_autofree gchar *folder = g_dir_make_tmp ("hlsoutputgroup-XXXXXX", NULL);
  g_autofree gchar *text = g_strdup_printf ("hlsoutputgroup name=hls mode=vod segment-length=2 low::name-modifier=-low "
      "hls.src_0 ! dirsink name=sink location=%s/live" LADDER, folder);
  GstElement *pipeline = launch (text);

  for (guint i = 0; i < 2; i++) {
    fail_unless (gst_element_set_state (pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
    wait_message (pipeline, GST_MESSAGE_EOS, NULL);
    fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    expect_file (folder, i == 0 ? "live.m3u8" : "again.m3u8", i == 0 ? "live-low.m3u8" : "again-low.m3u8");
    expect_file (folder, i == 0 ? "live-low.m3u8" : "again-low.m3u8", i == 0 ? "live-low_00003.ts" : "again-low_00003.ts");
    expect_file (folder, i == 0 ? "live-low.m3u8" : "again-low.m3u8", "#EXT-X-MEDIA-SEQUENCE:1\n");
    expect_file (folder, i == 0 ? "live-high_00001.ts" : "again-high_00001.ts", NULL);
    if (i == 0) {
      g_autofree gchar *again = g_build_filename (folder, "again", NULL);

      g_object_set (get (pipeline, "sink"), "location", again, NULL);
    }
  }
  stop (pipeline);
  remove_folder (folder);
}

GST_END_TEST;

/* --- while it plays --- */

static void
release (GstElement *hls, const gchar *name)
{
  GstPad *pad = gst_element_get_static_pad (hls, name);

  fail_unless (pad != NULL);
  gst_element_release_request_pad (hls, pad);
  ASSERT_OBJECT_REFCOUNT (pad, name, 1);
  gst_object_unref (pad);
}

GST_START_TEST (test_release_src_while_playing)
{
  g_autoptr (Encoded) video = encode_video (8, 160, 50, "avc", "bframes=0");
  GstElement *pipeline = launch ("hlsoutputgroup name=hls segment-length=2 src_0::base-name=a src_1::base-name=b"
      APPSRC ("v", "video_x") APPSINK ("a", "src_0") APPSINK ("b", "src_1"));
  GstElement *hls = get (pipeline, "hls"), *a = get (pipeline, "a"), *b = get (pipeline, "b");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  feed (get (pipeline, "v"), video, 0, 75);
  pull_until (a, "a.m3u8", NULL);
  gst_element_set_state (a, GST_STATE_NULL);
  release (hls, "src_0");
  gst_bin_remove (GST_BIN (pipeline), a);
  feed (get (pipeline, "v"), video, 75, 200);
  end (get (pipeline, "v"));
  pull_until (b, "b-x_00003.ts", NULL);
  pull_until (b, "b-x.m3u8", "#EXT-X-ENDLIST");
  g_ptr_array_unref (pull_all (b));
  wait_message (pipeline, GST_MESSAGE_EOS, NULL);
  stop (pipeline);
}

GST_END_TEST;

GST_START_TEST (test_release_sink_while_playing)
{
  g_autoptr (Encoded) video = encode_video (8, 160, 50, "avc", "bframes=0");
  GstElement *pipeline = launch ("hlsoutputgroup name=hls segment-length=2 src_0::base-name=a"
      APPSRC ("v", "video_high") APPSRC ("w", "video_low") APPSINK ("a", "src_0"));
  GstElement *hls = get (pipeline, "hls"), *a = get (pipeline, "a"), *v = get (pipeline, "v"), *w = get (pipeline, "w");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  feed (v, video, 0, 75);
  feed (w, video, 0, 75);
  pull_until (a, "a-low.m3u8", NULL);
  gst_element_set_state (w, GST_STATE_NULL);
  release (hls, "video_low");
  fail_unless (gst_child_proxy_get_child_by_name (GST_CHILD_PROXY (hls), "low") == NULL);
  gst_bin_remove (GST_BIN (pipeline), w);
  feed (v, video, 75, 200);
  end (v);
  pull_until (a, "a-low.m3u8", "#EXT-X-ENDLIST");
  pull_until (a, "a-high_00004.ts", NULL);
  pull_until (a, "a-high.m3u8", "#EXT-X-ENDLIST");
  g_ptr_array_unref (pull_all (a));
  wait_message (pipeline, GST_MESSAGE_EOS, NULL);
  stop (pipeline);
}

GST_END_TEST;

GST_START_TEST (test_request_while_playing)
{
  g_autoptr (Encoded) video = encode_video (8, 160, 50, "avc", "bframes=0");
  GstElement *pipeline = launch ("hlsoutputgroup name=hls segment-length=2 src_0::base-name=a src_1::base-name=b"
      APPSRC ("v", "video_high") APPSINK ("a", "src_0"));
  GstElement *hls = get (pipeline, "hls"), *a = get (pipeline, "a"), *v = get (pipeline, "v"), *w, *b;
  guint64 waiting;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  feed (v, video, 0, 75);
  pull_until (a, "a.m3u8", NULL);

  /* A second pipeline begins with what comes next. */
  b = gst_element_factory_make ("appsink", "b");
  g_object_set (b, "sync", FALSE, "async", FALSE, NULL);
  gst_bin_add (GST_BIN (pipeline), b);
  fail_unless (gst_element_link_pads (hls, "src_1", b, "sink"));
  gst_child_proxy_set (GST_CHILD_PROXY (hls), "src_1::base-name", "b", NULL);
  fail_unless (gst_element_sync_state_with_parent (b));
  /* And a second output where the next segment begins. */
  w = gst_element_factory_make ("appsrc", "w");
  g_object_set (w, "format", GST_FORMAT_TIME, NULL);
  gst_bin_add (GST_BIN (pipeline), w);
  fail_unless (gst_element_link_pads (w, "src", hls, "video_low"));
  fail_unless (gst_element_sync_state_with_parent (w));
  feed (w, video, 50, 200);
  end (w);
  /* Not before its first frames are in. */
  wait_until ((g_object_get (w, "current-level-bytes", &waiting, NULL), waiting == 0));
  feed (v, video, 75, 200);
  end (v);
  pull_until (b, "b-high_00002.ts", NULL);
  pull_until (b, "b-high.m3u8", "#EXT-X-MEDIA-SEQUENCE:2\n");
  pull_until (b, "b.m3u8", "b-low.m3u8");
  pull_until (b, "b-low.m3u8", "#EXT-X-ENDLIST");
  pull_until (a, "a.m3u8", "a-low.m3u8");
  g_ptr_array_unref (pull_all (a));
  g_ptr_array_unref (pull_all (b));
  wait_message (pipeline, GST_MESSAGE_EOS, NULL);
  stop (pipeline);
}

GST_END_TEST;

static GstPadProbeReturn
note_blocked (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  g_atomic_int_set ((gint *) data, TRUE);
  return GST_PAD_PROBE_OK;
}

GST_START_TEST (test_null_is_prompt)
{
  g_autoptr (Encoded) video = encode_video (8, 160, 25, "avc", "bframes=0");

  /* Nothing in yet; in the middle of it; held back by a sink that takes no more. */
  for (guint i = 0; i < 3; i++) {
    GstElement *pipeline = launch ("hlsoutputgroup name=hls segment-length=1 src_0::base-name=a"
        APPSRC ("v", "video_high") APPSINK ("a", "src_0"));
    GstElement *a = get (pipeline, "a");

    GstPad *pad = gst_element_get_static_pad (a, "sink");
    gint blocked = FALSE;

    if (i == 2)
      gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BLOCK | GST_PAD_PROBE_TYPE_BUFFER, note_blocked, &blocked, NULL);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    if (i > 0)
      feed (get (pipeline, "v"), video, 0, 200);
    if (i == 1)
      pull_until (a, "a-high_00003.ts", NULL);
    if (i == 2)
      wait_until (g_atomic_int_get (&blocked));
    gst_object_unref (pad);
    stop (pipeline);
  }
}

GST_END_TEST;

GST_START_TEST (test_no_pipeline)
{
  GstElement *pipeline = launch ("hlsoutputgroup name=hls" APPSRC ("v", "video_high"));

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  wait_message (pipeline, GST_MESSAGE_WARNING, "no pipeline: nothing is published until a sink such as cdnsink is linked");
  stop (pipeline);
}

GST_END_TEST;

GST_START_TEST (test_too_few_kept)
{
  GstElement *pipeline = launch ("hlsoutputgroup name=hls index-n-segments=5 keep-segments=4" APPSRC ("v", "video_high")
      APPSINK ("a", "src_0"));

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  wait_message (pipeline, GST_MESSAGE_WARNING, "keep-segments=4 is less than index-n-segments=5");
  stop (pipeline);
}

GST_END_TEST;

static Suite *
hlsoutputgroup_suite (void)
{
  Suite *s = suite_create ("hlsoutputgroup");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_properties);
  tcase_add_test (tc, test_request_pads);
  tcase_add_test (tc, test_refused_pads);
  tcase_add_test (tc, test_pads_that_launch_lines_ask_for);
  tcase_add_test (tc, test_children);
  tcase_add_test (tc, test_children_of_launch_lines);
  tcase_add_test (tc, test_two_pipelines);
  tcase_add_test (tc, test_into_a_folder_and_again);
  tcase_add_test (tc, test_release_src_while_playing);
  tcase_add_test (tc, test_release_sink_while_playing);
  tcase_add_test (tc, test_request_while_playing);
  tcase_add_test (tc, test_null_is_prompt);
  tcase_add_test (tc, test_no_pipeline);
  tcase_add_test (tc, test_too_few_kept);
  return s;
}

GST_CHECK_MAIN (hlsoutputgroup);
