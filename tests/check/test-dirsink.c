/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/delivery/gstdelivery.h>
#include <glib/gstdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static gchar *folder;
static GstHarness *h;
static GstBus *bus;

static void
setup (void)
{
  folder = g_dir_make_tmp ("dirsink-XXXXXX", NULL);
  fail_unless (folder != NULL);
  bus = gst_bus_new ();
}

static void
remove_tree (const gchar * path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *child = g_build_filename (path, name, NULL);

    remove_tree (child);
  }
  if (dir)
    g_dir_close (dir);
  g_remove (path);
}

static void
stop (void)
{
  if (h) {
    gst_element_set_state (h->element, GST_STATE_NULL);
    gst_element_set_bus (h->element, NULL);
    gst_harness_teardown (h);
  }
  h = NULL;
}

static void
teardown (void)
{
  stop ();
  gst_object_unref (bus);
  remove_tree (folder);
  g_free (folder);
}

static void
start (const gchar * location)
{
  GstElement *sink = gst_element_factory_make ("dirsink", NULL);

  fail_unless (sink != NULL, "no dirsink in GST_PLUGIN_PATH");
  gst_element_set_bus (sink, bus);
  g_object_set (sink, "location", location, NULL);
  h = gst_harness_new_with_element (sink, "sink", NULL);
  gst_object_unref (sink);
  gst_harness_set_src_caps_str (h, GST_DELIVERY_CAPS);
}

static void
push (GstDeliveryKind kind, const gchar * name, guint64 sequence, GBytes * bytes)
{
  GstDeliveryInfo info = {.name = name,.kind = kind,.track = "a",.sequence = sequence,
    .size = GST_DELIVERY_SIZE_UNKNOWN,.duration = 0
  };

  fail_unless_equals_int (gst_harness_push (h, gst_delivery_buffer_new_object (&info, bytes)), GST_FLOW_OK);
}

static void
push_text (GstDeliveryKind kind, const gchar * name, guint64 sequence, const gchar * text)
{
  push (kind, name, sequence, g_bytes_new (text, strlen (text)));
}

static void
eos (void)
{
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
}

static void
assert_file (const gchar * name, const gchar * expected)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autofree gchar *text = NULL;

  fail_unless (g_file_get_contents (path, &text, NULL, NULL), "no %s", path);
  fail_unless_equals_string (text, expected);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar * const *) a, *(const gchar * const *) b);
}

/* Names in @sub of the folder, sorted, hidden ones too. */
static gchar *
list (const gchar * sub)
{
  g_autofree gchar *path = g_build_filename (folder, sub, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  fail_unless (dir != NULL);
  while ((name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (name));
  g_dir_close (dir);
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (gchar **) names->pdata);
}

static guint64
stat_of (const gchar * field)
{
  GstStructure *stats;
  guint64 value;

  g_object_get (h->element, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

static void
assert_list (const gchar * sub, const gchar * expected)
{
  g_autofree gchar *names = list (sub);

  fail_unless_equals_string (names, expected);
}

GST_START_TEST (test_objects_become_files)
{
  g_autofree gchar *location = g_build_filename (folder, "new", "live", "channel", NULL);
  GBytes *large = g_bytes_new_take (g_malloc0 (3 * 1024 * 1024), 3 * 1024 * 1024);
  g_autofree gchar *path = g_build_filename (folder, "new", "live", "channel_00001.ts", NULL);
  struct stat st;

  start (location);
  push (GST_DELIVERY_KIND_SEGMENT, "channel_00001.ts", 1, large);
  push_text (GST_DELIVERY_KIND_SEGMENT, "sub/dir/x.ts", 2, "x");
  push_text (GST_DELIVERY_KIND_PLAYLIST, "channel.m3u8", 2, "#EXTM3U");
  eos ();
  assert_list ("new/live", "channel.m3u8 channel_00001.ts sub");
  assert_file ("new/live/sub/dir/x.ts", "x");
  assert_file ("new/live/channel.m3u8", "#EXTM3U");
  fail_unless_equals_int (stat (path, &st), 0);
  fail_unless_equals_int (st.st_size, 3 * 1024 * 1024);
}

GST_END_TEST;

GST_START_TEST (test_many_fragments_of_many_memories)
{
  g_autofree gchar *location = g_strconcat (folder, "/", NULL);
  GString *expected = g_string_new (NULL);
  GstDeliveryInfo info = {.name = "a.ts",.kind = GST_DELIVERY_KIND_SEGMENT,.track = "a",
    .size = GST_DELIVERY_SIZE_UNKNOWN
  };
  guint i, k;

  start (location);
  for (i = 0; i < 40; i++) {
    GstBuffer *buffer = gst_buffer_new ();

    GST_BUFFER_OFFSET (buffer) = expected->len;
    for (k = 0; k < 5; k++) {
      gchar *copy = g_strdup_printf ("<%u.%u>", i, k);

      g_string_append (expected, copy);
      gst_buffer_append_memory (buffer, gst_memory_new_wrapped (0, copy, strlen (copy), 0, strlen (copy), copy,
              g_free));
    }
    if (i == 39)
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
    gst_delivery_buffer_add_info (buffer, &info);
    fail_unless_equals_int (gst_harness_push (h, buffer), GST_FLOW_OK);
  }
  eos ();
  assert_file ("a.ts", expected->str);
  g_string_free (expected, TRUE);
}

GST_END_TEST;

#define FRAGMENTS 150            /* more than are written at once */
#define VERSIONS 150

static gint stop_reading;

static gsize
fragment_size (gchar letter)
{
  return 1000 + (letter - 'A') * 50;
}

/* Reads a file again and again: always one whole version. */
static gpointer
read_again (gpointer path)
{
  guint reads = 0;

  while (!g_atomic_int_get (&stop_reading)) {
    g_autofree gchar *text = NULL;
    gsize size, i;

    if (!g_file_get_contents (path, &text, &size, NULL))
      continue;
    fail_unless (size > 0 && size == FRAGMENTS * fragment_size (text[0]), "%zu bytes", size);
    for (i = 0; i < size; i++)
      fail_unless (text[i] == text[0], "two versions in one file");
    reads++;
  }
  return GUINT_TO_POINTER (reads);
}

/* What happens to a name in the folder, besides being renamed to. A reader that looks at
 * the wrong moment is rare; this sees every moment. */
static guint
changes_in_place (gint watch, const gchar * name)
{
  union
  {
    struct inotify_event event; /* for its alignment */
    gchar bytes[64 * 1024];
  } buffer;
  gssize size;
  guint changes = 0;

  while ((size = read (watch, &buffer, sizeof buffer)) > 0) {
    const gchar *p = buffer.bytes;

    while (p < buffer.bytes + size) {
      const struct inotify_event *event = (const struct inotify_event *) p;

      fail_if (event->mask & IN_Q_OVERFLOW);
      changes += event->len > 0 && strcmp (event->name, name) == 0 && !(event->mask & IN_MOVED_TO);
      p += sizeof *event + event->len;
    }
  }
  return changes;
}

GST_START_TEST (test_rule_1_readers_see_whole_files)
{
  g_autofree gchar *location = g_strconcat (folder, "/", NULL);
  g_autofree gchar *path = g_build_filename (folder, "a.ts", NULL);
  GstDeliveryInfo info = {.name = "a.ts",.kind = GST_DELIVERY_KIND_SEGMENT,.track = "a",
    .size = GST_DELIVERY_SIZE_UNKNOWN
  };
  GThread *reader;
  guint i, k, changes = 0;
  gint watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);

  fail_unless (inotify_add_watch (watch, folder, IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVE) >= 0);
  start (location);
  g_atomic_int_set (&stop_reading, 0);
  reader = g_thread_new ("reader", read_again, path);
  for (i = 0; i < VERSIONS; i++) {
    gchar letter = 'A' + i % 20;

    for (k = 0; k < FRAGMENTS; k++) {
      GstBuffer *buffer = gst_buffer_new_allocate (NULL, fragment_size (letter), NULL);

      gst_buffer_memset (buffer, 0, letter, fragment_size (letter));
      GST_BUFFER_OFFSET (buffer) = k * fragment_size (letter);
      if (k == FRAGMENTS - 1)
        GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
      gst_delivery_buffer_add_info (buffer, &info);
      fail_unless_equals_int (gst_harness_push (h, buffer), GST_FLOW_OK);
    }
    changes += changes_in_place (watch, "a.ts");
  }
  eos ();
  changes += changes_in_place (watch, "a.ts");
  close (watch);
  fail_unless_equals_int (changes, 0);
  g_atomic_int_set (&stop_reading, 1);
  fail_unless (GPOINTER_TO_UINT (g_thread_join (reader)) > 0);
  fail_unless_equals_uint64 (stat_of ("segments-published"), VERSIONS);
  assert_list ("", "a.ts");
}

GST_END_TEST;

GST_START_TEST (test_delete_and_what_is_not_there)
{
  g_autofree gchar *location = g_strconcat ("file://", folder, "/channel", NULL);

  start (location);
  push_text (GST_DELIVERY_KIND_SEGMENT, "a1.ts", 1, "1");
  push_text (GST_DELIVERY_KIND_SEGMENT, "a2.ts", 2, "2");
  push_text (GST_DELIVERY_KIND_PLAYLIST, "a.m3u8", 5, "#EXTM3U");
  eos ();
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (h, gst_event_new_segment (&(GstSegment) {.rate = 1,.applied_rate = 1,
              .format = GST_FORMAT_TIME,.stop = -1,.duration = -1 }));
  push (GST_DELIVERY_KIND_DELETE, "a1.ts", 5, NULL);
  push (GST_DELIVERY_KIND_DELETE, "never.ts", 5, NULL);
  push (GST_DELIVERY_KIND_DELETE, "no/folder/x.ts", 5, NULL);
  eos ();
  assert_list ("", "a.m3u8 a2.ts");
  fail_unless_equals_uint64 (stat_of ("deleted"), 3);
}

GST_END_TEST;

GST_START_TEST (test_what_cannot_be_written_is_refused_and_leaves_nothing)
{
  g_autofree gchar *location = g_strconcat (folder, "/", NULL);
  g_autofree gchar *taken = g_build_filename (folder, "folder.ts", NULL);
  g_autofree gchar *full = g_build_filename (taken, "in", NULL);
  g_autofree gchar *long_name = g_strnfill (300, 'x');
  g_autofree gchar *just_fits = g_strnfill (250, 'y');
  GstMessage *message;
  guint lost = 0;

  g_mkdir_with_parents (full, 0777);
  start (location);
  push_text (GST_DELIVERY_KIND_SEGMENT, "folder.ts", 1, "is a folder");
  push_text (GST_DELIVERY_KIND_SEGMENT, "file.ts", 2, "a file");
  push_text (GST_DELIVERY_KIND_SEGMENT, "file.ts/below.ts", 3, "below a file");
  push_text (GST_DELIVERY_KIND_SEGMENT, long_name, 4, "too long");
  push_text (GST_DELIVERY_KIND_SEGMENT, just_fits, 5, "fits");
  eos ();
  while ((message = gst_bus_pop (bus))) {
    if (gst_message_has_name (message, "delivery-lost")) {
      const GstStructure *s = gst_message_get_structure (message);

      fail_unless (strstr (gst_structure_get_string (s, "reason"), "could not") != NULL);
      lost++;
    }
    gst_message_unref (message);
  }
  fail_unless_equals_int (lost, 3);
  fail_unless_equals_uint64 (stat_of ("retries"), 0);
  assert_file ("file.ts", "a file");
  {
    g_autofree gchar *names = g_strconcat ("file.ts folder.ts ", just_fits, NULL);

    assert_list ("", names);
  }
}

GST_END_TEST;

GST_START_TEST (test_names_do_not_leave_the_folder)
{
  g_autofree gchar *location = g_build_filename (folder, "in", "channel", NULL);
  GstMessage *message;

  start (location);
  push_text (GST_DELIVERY_KIND_SEGMENT, "../out.ts", 1, "out");
  push_text (GST_DELIVERY_KIND_SEGMENT, "ok.ts", 1, "in");
  eos ();
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  fail_unless (message != NULL);
  gst_message_unref (message);
  assert_list ("", "in");
  assert_list ("in", "ok.ts");
}

GST_END_TEST;

GST_START_TEST (test_bad_locations)
{
  static const gchar *const cases[][2] = {
    {NULL, "\"location\""}, {"", "\"location\""}, {"http://host/live", "scheme \"http\""},
    {"file://otherhost/live", "no URI of a local path"}, {"dir://otherhost/x", "dir:///srv"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstElement *sink = gst_element_factory_make ("dirsink", NULL);
    GstMessage *message;
    GError *error;

    gst_element_set_bus (sink, bus);
    g_object_set (sink, "location", cases[i][0], NULL);
    fail_unless_equals_int (gst_element_set_state (sink, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    fail_unless (message != NULL);
    gst_message_parse_error (message, &error, NULL);
    fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    fail_unless (strstr (error->message, cases[i][1]) != NULL, "%s", error->message);
    g_error_free (error);
    gst_message_unref (message);
    gst_element_set_state (sink, GST_STATE_NULL);
    gst_element_set_bus (sink, NULL);
    gst_object_unref (sink);
  }
}

GST_END_TEST;

GST_START_TEST (test_uri_handler)
{
  GError *error = NULL;
  GstElement *sink = gst_element_make_from_uri (GST_URI_SINK, "dir:///srv/my%20live/channel", NULL, &error);
  GstQuery *query = gst_delivery_query_new_destination ();
  GstElement *other;
  gchar *uri;
  GstPad *pad;

  fail_unless (sink != NULL, "%s", error ? error->message : "");
  fail_unless_equals_string (GST_OBJECT_NAME (gst_element_get_factory (sink)), "dirsink");
  uri = gst_uri_handler_get_uri (GST_URI_HANDLER (sink));
  fail_unless_equals_string (uri, "dir:///srv/my%20live/channel");
  g_free (uri);

  fail_unless (gst_uri_handler_set_uri (GST_URI_HANDLER (sink), "file:///srv/a%20b", &error));
  pad = gst_element_get_static_pad (sink, "sink");
  fail_unless (gst_pad_query (pad, query));
  fail_unless_equals_string (gst_delivery_query_get_destination (query), "a b");
  gst_query_unref (query);
  gst_object_unref (pad);

  fail_if (gst_uri_handler_set_uri (GST_URI_HANDLER (sink), "dir://otherhost/x", &error));
  fail_unless (g_error_matches (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
  g_clear_error (&error);
  gst_object_unref (sink);

  other = gst_element_make_from_uri (GST_URI_SINK, "file:///srv/a.ts", NULL, NULL);
  fail_unless_equals_string (GST_OBJECT_NAME (gst_element_get_factory (other)), "filesink");
  gst_object_unref (other);
}

GST_END_TEST;

GST_START_TEST (test_one_connection_by_default)
{
  GstElement *sink = gst_element_factory_make ("dirsink", NULL);
  guint connections;

  g_object_get (sink, "max-connections", &connections, NULL);
  fail_unless_equals_int (connections, 1);
  gst_object_unref (sink);
}

GST_END_TEST;

static Suite *
dir_sink_suite (void)
{
  Suite *s = suite_create ("dirsink");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_objects_become_files);
  tcase_add_test (tc, test_many_fragments_of_many_memories);
  tcase_add_test (tc, test_rule_1_readers_see_whole_files);
  tcase_add_test (tc, test_delete_and_what_is_not_there);
  tcase_add_test (tc, test_what_cannot_be_written_is_refused_and_leaves_nothing);
  tcase_add_test (tc, test_names_do_not_leave_the_folder);
  tcase_add_test (tc, test_bad_locations);
  tcase_add_test (tc, test_uri_handler);
  tcase_add_test (tc, test_one_connection_by_default);
  return s;
}

GST_CHECK_MAIN (dir_sink);
