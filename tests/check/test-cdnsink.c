/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element cdnsink: settings, and objects to a server that runs.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/check/gstharness.h>
#include <gst/delivery/gstdelivery.h>
#include "servers.h"

#define TOKEN "s3cr3t-t0k3n"
#define PASSWORD "correct horse"

static GstElement *
sink_new (void)
{
  GstElement *sink = gst_element_factory_make ("cdnsink", NULL);

  fail_unless (sink != NULL, "the plugin is not in GST_PLUGIN_PATH");
  return gst_object_ref_sink (sink);
}

/* --- settings --- */

/* The state change fails, with an error that has all of @words (NULL-terminated) and no secret in it. Takes @sink. */
static void
assert_does_not_start (GstElement * sink, const gchar * const *words)
{
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error;
  gchar *debug;

  gst_element_set_bus (sink, bus);
  fail_unless_equals_int (gst_element_set_state (sink, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  fail_unless (message != NULL);
  gst_message_parse_error (message, &error, &debug);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
  for (; *words; words++)
    fail_unless (strstr (error->message, *words) != NULL, "\"%s\" is not in \"%s\"", *words, error->message);
  fail_unless (strstr (error->message, TOKEN) == NULL && strstr (error->message, PASSWORD) == NULL, "%s",
      error->message);
  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
  gst_element_set_bus (sink, NULL);
  gst_object_unref (bus);
  gst_element_set_state (sink, GST_STATE_NULL);
  gst_object_unref (sink);
}

#define WORDS(...) ((const gchar * const[]) { __VA_ARGS__, NULL })

static void
check_location (const gchar * location, const gchar * const *words)
{
  GstElement *sink = sink_new ();

  g_object_set (sink, "location", location, NULL);
  assert_does_not_start (sink, words);
}

GST_START_TEST (locations_that_cannot_be_published_to)
{
  check_location (NULL, WORDS ("location"));
  check_location ("ftp://host.example/" TOKEN, WORDS ("location", "\"ftp\"", "https://"));
  check_location ("/var/www/live", WORDS ("location", "https://"));
  check_location ("http:///live/x?" TOKEN, WORDS ("location", "host"));
  check_location ("https://me:" TOKEN "@host.example/live", WORDS ("location", "user-id", "user-pw", "host.example"));
  check_location ("https://" TOKEN "@host.example/live", WORDS ("location", "user-id", "user-pw"));
  check_location ("https://host.example/live#" TOKEN, WORDS ("location", "fragment"));
}

GST_END_TEST;

static GstElement *
sink_with_location (void)
{
  GstElement *sink = sink_new ();

  g_object_set (sink, "location", "http://127.0.0.1:1/live/x?" TOKEN, NULL);
  return sink;
}

GST_START_TEST (settings_that_cannot_be)
{
  GstElement *sink;
  GstStructure *headers;

  sink = sink_with_location ();
  g_object_set (sink, "user-id", "me", NULL);
  assert_does_not_start (sink, WORDS ("user-id", "user-pw is not"));

  sink = sink_with_location ();
  g_object_set (sink, "user-pw", PASSWORD, NULL);
  assert_does_not_start (sink, WORDS ("user-pw", "user-id is not"));

  sink = sink_with_location ();
  g_object_set (sink, "user-id", "me:" PASSWORD, "user-pw", PASSWORD, NULL);
  assert_does_not_start (sink, WORDS ("user-id", "colon"));

  sink = sink_with_location ();
  g_object_set (sink, "user-id", "me", "user-pw", "env:NO_SUCH_VARIABLE", NULL);
  assert_does_not_start (sink, WORDS ("user-pw", "NO_SUCH_VARIABLE", "not set"));

  sink = sink_with_location ();
  g_object_set (sink, "user-id", "me", "user-pw", "file:/no/such/file", NULL);
  assert_does_not_start (sink, WORDS ("user-pw", "/no/such/file"));

  sink = sink_with_location ();
  g_object_set (sink, "tls-ca-file", "/no/such/ca.pem", NULL);
  assert_does_not_start (sink, WORDS ("tls-ca-file", "/no/such/ca.pem"));

  sink = sink_with_location ();
  g_object_set (sink, "tls-ca-file", "/etc/hostname", NULL);
  assert_does_not_start (sink, WORDS ("tls-ca-file", "/etc/hostname", "PEM"));

  sink = sink_with_location ();
  headers = gst_structure_new ("headers", "Expect", G_TYPE_STRING, "100-continue", NULL);
  g_object_set (sink, "extra-headers", headers, NULL);
  gst_structure_free (headers);
  assert_does_not_start (sink, WORDS ("extra-headers", "Expect"));

  sink = sink_with_location ();
  headers = gst_structure_new ("headers", "X-Key", G_TYPE_STRING, TOKEN "\r\nX-More: 1", NULL);
  g_object_set (sink, "extra-headers", headers, NULL);
  gst_structure_free (headers);
  assert_does_not_start (sink, WORDS ("extra-headers", "X-Key", "control"));

  sink = sink_with_location ();
  g_object_set (sink, "user-agent", "a\nb", NULL);
  assert_does_not_start (sink, WORDS ("user-agent", "one line"));
}

GST_END_TEST;

GST_START_TEST (secrets_are_not_readable_back)
{
  GstElement *sink = sink_with_location ();
  GstStructure *headers = gst_structure_new ("headers", "X-Key", G_TYPE_STRING, TOKEN, NULL);
  gchar *location, *user, *password, *text;

  g_object_set (sink, "user-id", "me", "user-pw", PASSWORD, "extra-headers", headers, NULL);
  gst_structure_free (headers);
  g_object_get (sink, "location", &location, "user-id", &user, "user-pw", &password, "extra-headers", &headers, NULL);
  fail_unless_equals_string (location, "http://127.0.0.1:1/live/x");
  fail_unless_equals_string (user, "me");
  fail_unless (password == NULL);
  text = gst_structure_to_string (headers);
  fail_unless (strstr (text, "X-Key") != NULL && strstr (text, TOKEN) == NULL, "%s", text);
  g_free (text);
  gst_structure_free (headers);
  g_free (user);
  g_free (location);
  gst_object_unref (sink);
}

GST_END_TEST;

GST_START_TEST (the_query_is_not_part_of_the_base_name)
{
  GstElement *sink = sink_with_location ();
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  GstQuery *query = gst_delivery_query_new_destination ();

  g_object_set (sink, "location", "https://h.example/live/my%20show?a=b/c&" TOKEN, NULL);
  fail_unless (gst_pad_query (pad, query));
  fail_unless_equals_string (gst_delivery_query_get_destination (query), "my show");
  gst_query_unref (query);

  query = gst_delivery_query_new_destination ();
  g_object_set (sink, "location", "https://h.example?" TOKEN, NULL);
  fail_unless (gst_pad_query (pad, query));
  fail_unless_equals_string (gst_delivery_query_get_destination (query), "index");
  gst_query_unref (query);
  gst_object_unref (pad);
  gst_object_unref (sink);
}

GST_END_TEST;

GST_START_TEST (it_is_found_by_uri)
{
  static const gchar *const uris[] = { "http://h.example/live/x", "https://h.example/live/x" };
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++) {
    GstElement *sink = gst_element_make_from_uri (GST_URI_SINK, uris[i], NULL, &error);
    gchar *uri;

    fail_unless (sink != NULL, "%s", error ? error->message : "");
    gst_object_ref_sink (sink);
    fail_unless_equals_string (GST_OBJECT_NAME (gst_element_get_factory (sink)), "cdnsink");
    uri = gst_uri_handler_get_uri (GST_URI_HANDLER (sink));
    fail_unless_equals_string (uri, uris[i]);
    g_free (uri);

    fail_if (gst_uri_handler_set_uri (GST_URI_HANDLER (sink), "https://me:" TOKEN "@h.example/", &error));
    fail_unless (g_error_matches (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
    fail_unless (strstr (error->message, TOKEN) == NULL);
    g_clear_error (&error);
    gst_object_unref (sink);
  }
}

GST_END_TEST;

/* --- objects --- */

static GstHarness *
harness_new (const gchar * location, const gchar * ca)
{
  GstElement *sink = sink_new ();
  GstHarness *h;

  g_object_set (sink, "location", location, "tls-ca-file", ca, "max-connections", 1, NULL);
  h = gst_harness_new_with_element (sink, "sink", NULL);
  gst_object_unref (sink);
  return h;
}

static void
push (GstHarness * h, GstDeliveryKind kind, const gchar * name, guint64 sequence, const gchar * content_type,
    GstClockTime duration)
{
  GstDeliveryInfo info = { name, kind, kind == GST_DELIVERY_KIND_MULTIVARIANT ? "" : "high", sequence, content_type,
    NULL, NULL, duration, GST_DELIVERY_SIZE_UNKNOWN, g_get_monotonic_time (), 0
  };
  GBytes *bytes = kind == GST_DELIVERY_KIND_DELETE ? NULL : g_bytes_new_take (g_strnfill (100, 'x'), 100);

  fail_unless_equals_int (gst_harness_push (h, gst_delivery_buffer_new_object (&info, bytes)), GST_FLOW_OK);
}

static void
assert_header (TestServer * server, guint request, const gchar * name, const gchar * wanted)
{
  gchar *value = test_server_askf (server, "header %u %s", request, name);

  fail_unless_equals_string (value, wanted);
  g_free (value);
}

/* The last request becomes one whose line starts with @start. */
static void
assert_last (TestServer * server, const gchar * start)
{
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  gboolean there = FALSE;

  while (!there) {
    gchar *last = test_server_ask (server, "last");

    there = g_str_has_prefix (last, start);
    fail_unless (there || g_get_monotonic_time () < end, "%s", last);
    g_free (last);
  }
}

GST_START_TEST (objects_become_requests)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  gchar *location = g_strconcat (server->url, "?" TOKEN "=1", NULL);
  GstHarness *h = harness_new (location, NULL);

  gst_harness_set_src_caps_str (h, GST_DELIVERY_CAPS);
  push (h, GST_DELIVERY_KIND_SEGMENT, "x high_00001.ts", 1, NULL, 2 * GST_SECOND);
  test_server_wait (server, "counts", "1 1");
  assert_last (server, "PUT /live/x%20high_00001.ts?" TOKEN "=1 ");
  assert_header (server, 0, "content-type", "video/mp2t");
  assert_header (server, 0, "cache-control", "max-age=31536000, immutable");
  assert_header (server, 0, "user-agent", "gst-output-groups/" VERSION);

  push (h, GST_DELIVERY_KIND_PLAYLIST, "sub/x-high.m3u8", 1, NULL, 6 * GST_SECOND);
  test_server_wait (server, "counts", "2 1");
  assert_last (server, "PUT /live/sub/x-high.m3u8?" TOKEN "=1 ");
  assert_header (server, 1, "content-type", "application/vnd.apple.mpegurl");
  assert_header (server, 1, "cache-control", "max-age=3");

  push (h, GST_DELIVERY_KIND_SEGMENT, "x_%3F#?.ts", 2, "a/b", 2 * GST_SECOND);
  test_server_wait (server, "counts", "3 1");
  assert_last (server, "PUT /live/x_%253F%23%3F.ts?" TOKEN "=1 ");
  assert_header (server, 2, "content-type", "a/b");

  push (h, GST_DELIVERY_KIND_PLAYLIST, "sub/x-high.m3u8", 2, NULL, 6 * GST_SECOND);
  test_server_wait (server, "counts", "4 1");
  push (h, GST_DELIVERY_KIND_DELETE, "x high_00001.ts", 2, NULL, 0);
  test_server_wait (server, "counts", "5 1");
  assert_last (server, "DELETE /live/x%20high_00001.ts?" TOKEN "=1 ");

  gst_harness_teardown (h);
  g_free (location);
  test_server_free (server);
}

GST_END_TEST;

static void
wait_for_loss (GstBus * bus, const gchar * word)
{
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (TRUE) {
    GstMessage *message = gst_bus_timed_pop (bus, GST_SECOND);
    gboolean found = FALSE;

    if (message && message->type == GST_MESSAGE_ELEMENT && gst_message_has_name (message, "delivery-lost")) {
      const GstStructure *structure = gst_message_get_structure (message);
      gchar *text = gst_structure_to_string (structure);

      found = strstr (gst_structure_get_string (structure, "reason"), word) != NULL;
      fail_unless (strstr (text, TOKEN) == NULL, "%s", text);
      g_free (text);
    }
    g_clear_pointer (&message, gst_message_unref);
    if (found)
      return;
    fail_unless (g_get_monotonic_time () < end, "nothing is lost for \"%s\"", word);
  }
}

GST_START_TEST (a_refused_object_is_lost_and_said_why)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  gchar *location = g_strconcat (server->url, "?" TOKEN "=1", NULL);
  GstHarness *h = harness_new (location, NULL);
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (h->element, bus);
  test_server_tell (server, "set status status=413");
  gst_harness_set_src_caps_str (h, GST_DELIVERY_CAPS);
  push (h, GST_DELIVERY_KIND_SEGMENT, "x_00001.ts", 1, NULL, 2 * GST_SECOND);
  wait_for_loss (bus, "100 bytes");
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
  g_free (location);
  test_server_free (server);
}

GST_END_TEST;

/* The password is looked up at each start, and the element can be used again. */
GST_START_TEST (credentials_come_from_the_environment)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  GstHarness *h = NULL;
  GstElement *sink = sink_new ();

  test_server_tell (server, "set digest");
  g_setenv ("TEST_CDNSINK_PW", PASSWORD, TRUE);
  g_object_set (sink, "location", server->url, "user-id", "hls", "user-pw", "env:TEST_CDNSINK_PW",
      "max-connections", 1, NULL);
  for (guint i = 0; i < 2; i++) {
    h = gst_harness_new_with_element (sink, "sink", NULL);
    gst_harness_set_src_caps_str (h, GST_DELIVERY_CAPS);
    push (h, GST_DELIVERY_KIND_SEGMENT, "x_00001.ts", 1, NULL, 2 * GST_SECOND);
    test_server_wait (server, "counts", i ? "4 2" : "2 1");
    assert_last (server, "PUT /live/x_00001.ts 201 100 ");
    gst_harness_teardown (h);
  }
  g_unsetenv ("TEST_CDNSINK_PW");
  gst_object_unref (sink);
  test_server_free (server);
}

GST_END_TEST;

static void
check_stop (const gchar * fault, const gchar * certificate)
{
  TestServer *server = test_server_new ("faulty.py", certificate);
  GstHarness *h;
  gint64 began;

  test_server_tell (server, fault);
  h = harness_new (server->url, server->ca);
  gst_harness_set_src_caps_str (h, GST_DELIVERY_CAPS);
  push (h, GST_DELIVERY_KIND_SEGMENT, "x_00001.ts", 1, NULL, 2 * GST_SECOND);
  test_server_wait (server, "counts", certificate ? "0 1" : "1 1");
  began = g_get_monotonic_time ();
  gst_element_set_state (h->element, GST_STATE_NULL);
  fail_unless (g_get_monotonic_time () - began < prompt_limit ());
  gst_harness_teardown (h);
  test_server_free (server);
}

GST_START_TEST (stopping_is_prompt)
{
  check_stop ("set never", NULL);
  check_stop ("set deaf", NULL);
  warm_up_tls ();
  check_stop ("set deaf", "good");
}

GST_END_TEST;

/* --- real servers --- */

/* Publishes @count revisions of a playlist, each after @pause, and waits until the last is at @path. */
static void
publish_revisions (GstHarness * h, const gchar * path, guint count, gulong pause)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  gst_harness_set_src_caps_str (h, GST_DELIVERY_CAPS);
  for (guint i = 1; i <= count; i++) {
    GstDeliveryInfo info = { "x.m3u8", GST_DELIVERY_KIND_PLAYLIST, "high", i, NULL, NULL, NULL, 6 * GST_SECOND,
      GST_DELIVERY_SIZE_UNKNOWN, g_get_monotonic_time (), 0
    };
    gchar *text = g_strdup_printf ("revision %u", i), *found = NULL;

    fail_unless_equals_int (gst_harness_push (h, gst_delivery_buffer_new_object (&info,
                g_bytes_new (text, strlen (text)))), GST_FLOW_OK);
    /* A newer revision would take the place of one that waits. */
    while (!(g_file_get_contents (path, &found, NULL, NULL) && g_str_equal (found, text))) {
      fail_unless (g_get_monotonic_time () < end, "%s is not published", text);
      g_clear_pointer (&found, g_free);
      g_usleep (500);
    }
    g_free (found);
    g_free (text);
    if (i < count)
      g_usleep (pause);
  }
}

static guint64
get_stat (GstElement * sink, const gchar * name)
{
  GstStructure *stats;
  guint64 value;

  g_object_get (sink, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, name, &value), "%s", name);
  gst_structure_free (stats);
  return value;
}

static void
check_server (const gchar * which, const gchar * scheme, const gchar * port, const gchar * folder, guint count,
    gulong pause)
{
  TestServer *server = test_server_new ("servers.py", which);
  gchar *location = g_strdup_printf ("%s://127.0.0.1:%s/%s/x", scheme, test_server_get (server, port), folder);
  gchar *path = g_build_filename (test_server_get (server, "root"), folder, "x.m3u8", NULL);
  gchar *log_path = g_build_filename (server->folder, "access.log", NULL), *log;
  GstElement *sink = sink_new ();
  GHashTable *connections = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gchar **lines;
  GstHarness *h;

  warm_up_tls ();
  g_object_set (sink, "location", location, "tls-ca-file", test_server_get (server, "ca"), "max-connections", 1, NULL);
  if (!g_str_equal (folder, "open"))
    g_object_set (sink, "user-id", "hls", "user-pw", PASSWORD, NULL);
  h = gst_harness_new_with_element (sink, "sink", NULL);
  publish_revisions (h, path, count, pause);
  fail_unless_equals_uint64 (get_stat (sink, "retries"), 0);
  gst_harness_teardown (h);
  gst_object_unref (sink);

  /* METHOD PATH STATUS LENGTH CONNECTION ...: all over one, but for what a server closed on its own account */
  if (g_str_equal (which, "nginx")) {
    fail_unless (g_file_get_contents (log_path, &log, NULL, NULL));
    lines = g_strsplit (log, "\n", -1);
    for (guint i = 0; lines[i] && *lines[i]; i++) {
      gchar **words = g_strsplit (lines[i], " ", -1);

      fail_unless (g_strv_length (words) >= 5);
      g_hash_table_add (connections, g_strdup (words[4]));
      g_strfreev (words);
    }
    fail_unless_equals_int (g_hash_table_size (connections), 1);
    g_strfreev (lines);
    g_free (log);
  }
  g_hash_table_unref (connections);
  g_free (log_path);
  g_free (path);
  g_free (location);
  test_server_free (server);
}

GST_START_TEST (nginx_takes_200_overwrites_over_one_connection)
{
  check_server ("nginx", "http", "port", "open", 200, 0);
  check_server ("nginx", "https", "tls1_port", "open", 200, 0);
  check_server ("nginx", "https", "tls_port", "open", 200, 0);
}

GST_END_TEST;

GST_START_TEST (nginx_with_basic_credentials)
{
  check_server ("nginx", "http", "port", "auth", 20, 0);
  check_server ("nginx", "https", "tls_port", "auth", 20, 0);
}

GST_END_TEST;

/* The nonces of this Apache are good for two seconds. */
GST_START_TEST (apache_with_digest_credentials)
{
  check_server ("apache", "http", "port", "digest", 12, G_USEC_PER_SEC / 2);
  check_server ("apache", "https", "tls_port", "digest", 12, G_USEC_PER_SEC / 2);
}

GST_END_TEST;

static Suite *
cdnsink_suite (void)
{
  Suite *s = suite_create ("cdnsink");
  TCase *settings = tcase_create ("settings"), *objects = tcase_create ("objects"), *real = tcase_create ("real");

  tcase_add_test (settings, locations_that_cannot_be_published_to);
  tcase_add_test (settings, settings_that_cannot_be);
  tcase_add_test (settings, secrets_are_not_readable_back);
  tcase_add_test (settings, the_query_is_not_part_of_the_base_name);
  tcase_add_test (settings, it_is_found_by_uri);
  suite_add_tcase (s, settings);

  tcase_add_test (objects, objects_become_requests);
  tcase_add_test (objects, a_refused_object_is_lost_and_said_why);
  tcase_add_test (objects, credentials_come_from_the_environment);
  tcase_add_test (objects, stopping_is_prompt);
  suite_add_tcase (s, objects);

  tcase_add_test (real, nginx_takes_200_overwrites_over_one_connection);
  tcase_add_test (real, nginx_with_basic_credentials);
  tcase_add_test (real, apache_with_digest_credentials);
  suite_add_tcase (s, real);
  return s;
}

GST_CHECK_MAIN (cdnsink);
