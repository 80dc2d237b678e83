/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The HTTP client against servers that run: tests/servers/faulty.py, nginx.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <gst/check/gstcheck.h>
#include <http/gsthttpbody.h>
#include <http/gsthttpclient.h>
#include <http/gsthttpstatus.h>
#include "servers.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

static gchar *folder;           /* of certificates */

/* --- a client and what it is told --- */

typedef struct {
  GstHttpConfig config;
  GstHttpClient *client;
  GUri *base;
} Client;

static Client *
client_new (const gchar * url, const gchar * user, const gchar * password, const gchar * ca)
{
  Client *c = g_new0 (Client, 1);

  c->base = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, NULL);
  fail_unless (c->base != NULL);
  c->config.user_agent = (gchar *) "test/1";
  c->config.auth = gst_http_auth_new (c->base, user, password);
  if (ca) {
    c->config.tls_database = g_tls_file_database_new (ca, NULL);
    fail_unless (c->config.tls_database != NULL);
  }
  c->client = gst_http_client_new (&c->config, 1);
  return c;
}

static void
client_free (Client * c)
{
  gst_http_client_free (c->client);
  gst_http_auth_free (c->config.auth);
  g_clear_object (&c->config.tls_database);
  g_clear_pointer (&c->config.extra_headers, soup_message_headers_unref);
  g_uri_unref (c->base);
  g_free (c);
}

/* @size bytes in memories of uneven sizes, some empty. */
static GPtrArray *
memories_new (gsize size)
{
  GPtrArray *memories = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_memory_unref);
  gsize at = 0, piece = 1;

  g_ptr_array_add (memories, gst_allocator_alloc (NULL, 0, NULL));
  while (at < size) {
    gsize n = MIN (piece, size - at);
    GstMemory *memory = gst_allocator_alloc (NULL, n, NULL);
    GstMapInfo map;

    gst_memory_map (memory, &map, GST_MAP_WRITE);
    for (gsize i = 0; i < n; i++)
      map.data[i] = (at + i) * 2654435761u >> 13;
    gst_memory_unmap (memory, &map);
    g_ptr_array_add (memories, memory);
    at += n;
    piece = piece * 3 + 1;
  }
  return memories;
}

static gchar *
memories_sha256 (GPtrArray * memories)
{
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  gchar *text;

  for (guint i = 0; i < memories->len; i++) {
    GstMapInfo map;

    gst_memory_map (g_ptr_array_index (memories, i), &map, GST_MAP_READ);
    g_checksum_update (sum, map.data, map.size);
    gst_memory_unmap (g_ptr_array_index (memories, i), &map);
  }
  text = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return text;
}

static GstDeliveryResult
client_send (Client * c, const gchar * method, GPtrArray * memories, GCancellable * cancellable)
{
  GstDeliveryResult result = { 0, };
  GstHttpRequest request = { method, };

  result.retry_after = GST_CLOCK_TIME_NONE;
  request.uri = c->base;
  request.memories = memories;
  request.content_type = memories ? "video/mp2t" : NULL;
  request.cache_control = memories ? "max-age=3" : NULL;
  gst_http_client_send (c->client, &request, cancellable, &result);
  fail_unless ((result.message == NULL) == (result.verdict == GST_DELIVERY_PUBLISHED), "%s", result.message);
  return result;
}

static GstDeliveryResult
client_put (Client * c, gsize size)
{
  GPtrArray *memories = memories_new (size);
  GstDeliveryResult result = client_send (c, SOUP_METHOD_PUT, memories, NULL);

  g_ptr_array_unref (memories);
  return result;
}

static void
assert_published (GstDeliveryResult result)
{
  fail_unless (result.verdict == GST_DELIVERY_PUBLISHED, "%s", result.message);
}

/* Not published, for a reason with @word in it. */
static void
assert_verdict (GstDeliveryResult result, GstDeliveryVerdict verdict, const gchar * word)
{
  fail_unless_equals_int (result.verdict, verdict);
  fail_unless (strstr (result.message, word) != NULL, "\"%s\" is not in \"%s\"", word, result.message);
  g_free (result.message);
}

/* The last request brought all of a body of @size bytes. */
static void
assert_last_is_whole (TestServer * server, gsize size)
{
  GPtrArray *memories = memories_new (size);
  gchar *sum = memories_sha256 (memories);
  gchar *last = test_server_ask (server, "last");
  gchar *wanted = g_strdup_printf (" %" G_GSIZE_FORMAT " %s ", size, sum);

  fail_unless (strstr (last, wanted) != NULL, "\"%s\" is not in \"%s\"", wanted, last);
  g_free (wanted);
  g_free (last);
  g_free (sum);
  g_ptr_array_unref (memories);
}

static void
assert_counts (TestServer * server, const gchar * requests_and_connections)
{
  gchar *counts = test_server_ask (server, "counts");

  fail_unless_equals_string (counts, requests_and_connections);
  g_free (counts);
}

/* --- the body --- */

GST_START_TEST (body_is_its_memories)
{
  GPtrArray *memories = memories_new (100000);
  GInputStream *body = gst_http_body_new (memories, NULL, NULL);
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  gchar *wanted = memories_sha256 (memories);
  guint8 buffer[777];
  gssize n;

  while ((n = g_input_stream_read (body, buffer, sizeof buffer, NULL, NULL)) > 0)
    g_checksum_update (sum, buffer, n);
  fail_unless_equals_int (n, 0);
  fail_unless_equals_string (g_checksum_get_string (sum), wanted);
  fail_unless (gst_http_body_is_complete (GST_HTTP_BODY (body)));
  fail_unless_equals_uint64 (gst_http_body_get_sent (GST_HTTP_BODY (body)), 100000);

  g_free (wanted);
  g_checksum_free (sum);
  g_object_unref (body);
  g_ptr_array_unref (memories);
}

GST_END_TEST;

static gboolean
say_yes (gpointer user)
{
  return TRUE;
}

GST_START_TEST (body_ends_when_it_is_answered)
{
  GPtrArray *memories = memories_new (1000000);
  GInputStream *body = gst_http_body_new (memories, say_yes, NULL);
  gchar buffer[8192];
  gsize total = 0;
  gssize n;

  while ((n = g_input_stream_read (body, buffer, sizeof buffer, NULL, NULL)) > 0)
    total += n;
  fail_unless_equals_int (n, 0);
  fail_unless (total > 0 && total < 1000000);
  fail_if (gst_http_body_is_complete (GST_HTTP_BODY (body)));
  g_object_unref (body);
  g_ptr_array_unref (memories);
}

GST_END_TEST;

/* --- statuses --- */

GST_START_TEST (status_table)
{
  static const struct
  {
    guint status;
    GstDeliveryVerdict put, remove;
  } table[] = {
    {200, GST_DELIVERY_PUBLISHED, GST_DELIVERY_PUBLISHED},
    {201, GST_DELIVERY_PUBLISHED, GST_DELIVERY_PUBLISHED},
    {204, GST_DELIVERY_PUBLISHED, GST_DELIVERY_PUBLISHED},
    {400, GST_DELIVERY_REFUSED, GST_DELIVERY_REFUSED},
    {401, GST_DELIVERY_FAILED, GST_DELIVERY_FAILED},
    {403, GST_DELIVERY_REFUSED, GST_DELIVERY_REFUSED},
    {404, GST_DELIVERY_REFUSED, GST_DELIVERY_PUBLISHED},
    {405, GST_DELIVERY_REFUSED, GST_DELIVERY_REFUSED},
    {408, GST_DELIVERY_FAILED, GST_DELIVERY_FAILED},
    {409, GST_DELIVERY_REFUSED, GST_DELIVERY_REFUSED},
    {410, GST_DELIVERY_REFUSED, GST_DELIVERY_PUBLISHED},
    {413, GST_DELIVERY_REFUSED, GST_DELIVERY_REFUSED},
    {429, GST_DELIVERY_FAILED, GST_DELIVERY_FAILED},
    {500, GST_DELIVERY_FAILED, GST_DELIVERY_FAILED},
    {503, GST_DELIVERY_FAILED, GST_DELIVERY_FAILED},
    {507, GST_DELIVERY_FAILED, GST_DELIVERY_FAILED},
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    GstHttpAnswer answer = { table[i].status, FALSE, 10, 10, NULL, "who are you" };
    GstDeliveryResult put = { 0, }, removed = { 0, };

    gst_http_status_judge (&answer, &put);
    answer.remove = TRUE;
    gst_http_status_judge (&answer, &removed);
    fail_unless (put.verdict == table[i].put && put.status == table[i].status, "PUT %u", table[i].status);
    fail_unless (removed.verdict == table[i].remove, "DELETE %u", table[i].status);
    fail_unless ((put.message == NULL) == (put.verdict == GST_DELIVERY_PUBLISHED));
    g_free (put.message);
    g_free (removed.message);
  }
}

GST_END_TEST;

GST_START_TEST (retry_after_in_seconds_or_as_a_date)
{
  const gint64 now = 1445412480;        /* Wed, 21 Oct 2015 07:28:00 GMT */

  fail_unless_equals_uint64 (gst_http_retry_after ("120", now), 120 * GST_SECOND);
  fail_unless_equals_uint64 (gst_http_retry_after ("0", now), 0);
  fail_unless_equals_uint64 (gst_http_retry_after ("Wed, 21 Oct 2015 07:28:30 GMT", now), 30 * GST_SECOND);
  fail_unless_equals_uint64 (gst_http_retry_after ("Wed, 21 Oct 2015 07:27:00 GMT", now), 0);
  fail_unless_equals_uint64 (gst_http_retry_after ("99999999999999999999", now), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (gst_http_retry_after ("9999999999999999999", now), 86400 * GST_SECOND);
  fail_unless_equals_uint64 (gst_http_retry_after ("soon", now), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (gst_http_retry_after ("-1", now), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (gst_http_retry_after (NULL, now), GST_CLOCK_TIME_NONE);
}

GST_END_TEST;

/* --- headers and secrets --- */

GST_START_TEST (headers_that_can_be_given)
{
  static const gchar *const bad[][2] = {
    {"Content-Length", "1"}, {"transfer-encoding", "chunked"}, {"Expect", "100-continue"}, {"Host", "x"},
    {"X Y", "1"}, {"", "1"}, {"X-Y", "1\r\nX-Z: 2"}, {"X-Y:", "1"},
  };

  fail_unless (gst_http_header_is_allowed ("X-Origin-Key", "abc def", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;

    fail_if (gst_http_header_is_allowed (bad[i][0], bad[i][1], &error), "%s", bad[i][0]);
    fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    g_error_free (error);
  }
}

GST_END_TEST;

static void
assert_no_secret (const gchar * value, const gchar * word)
{
  GError *error = NULL;

  fail_unless (gst_http_resolve_secret ("user-pw", value, &error) == NULL);
  fail_unless (strstr (error->message, word) != NULL && strstr (error->message, "user-pw") != NULL, "%s",
      error->message);
  g_error_free (error);
}

GST_START_TEST (secrets_come_from_where_they_are_said_to_be)
{
  gchar *path = g_build_filename (folder, "secret", NULL);
  gchar *value = g_strconcat ("file:", path, NULL);
  gchar *secret;

  secret = gst_http_resolve_secret ("user-pw", "it itself", NULL);
  fail_unless_equals_string (secret, "it itself");
  gst_http_free_secret (secret);

  g_setenv ("TEST_SECRET", "from the environment", TRUE);
  secret = gst_http_resolve_secret ("user-pw", "env:TEST_SECRET", NULL);
  fail_unless_equals_string (secret, "from the environment");
  gst_http_free_secret (secret);
  g_unsetenv ("TEST_SECRET");
  assert_no_secret ("env:TEST_SECRET", "TEST_SECRET");

  assert_no_secret (value, path);
  fail_unless (g_file_set_contents (path, "from a file\r\n", -1, NULL));
  secret = gst_http_resolve_secret ("user-pw", value, NULL);
  fail_unless_equals_string (secret, "from a file");
  gst_http_free_secret (secret);
  fail_unless (g_file_set_contents (path, "\n", -1, NULL));
  assert_no_secret (value, "empty");

  g_unlink (path);
  g_free (value);
  g_free (path);
}

GST_END_TEST;

/* --- requests --- */

GST_START_TEST (a_put_says_what_it_brings)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  static const gchar *const wanted[][2] = {
    {"content-type", "video/mp2t"}, {"cache-control", "max-age=3"}, {"content-length", "300000"},
    {"user-agent", "test/1"}, {"x-key", "abc"}, {"expect", "-"}, {"transfer-encoding", "-"},
    {"accept-encoding", "-"}, {"authorization", "-"},
  };

  c->config.extra_headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  soup_message_headers_append (c->config.extra_headers, "X-Key", "abc");
  assert_published (client_put (c, 300000));
  assert_last_is_whole (server, 300000);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    gchar *value = test_server_askf (server, "header 0 %s", wanted[i][0]);

    fail_unless_equals_string (value, wanted[i][1]);
    g_free (value);
  }
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (an_empty_object_has_a_length)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  gchar *value;

  assert_published (client_put (c, 0));
  value = test_server_ask (server, "header 0 content-length");
  fail_unless_equals_string (value, "0");
  g_free (value);
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

/* libsoup closes the connection after a 204 without a length. */
GST_START_TEST (overwrites_share_a_connection)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);

  test_server_tell (server, "set ok status=204");
  for (guint i = 0; i < 50; i++) {
    GstDeliveryResult result = client_put (c, 500);

    assert_published (result);
    fail_unless (result.keep_connection);
  }
  assert_counts (server, "50 1");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (what_is_not_there_is_deleted)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  gchar *last;

  test_server_tell (server, "set status status=404");
  assert_published (client_send (c, SOUP_METHOD_DELETE, NULL, NULL));
  last = test_server_ask (server, "last");
  fail_unless (g_str_has_prefix (last, "DELETE /live/x 404 0 "), "%s", last);
  g_free (last);
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (a_long_answer_is_not_read_to_its_end)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);

  test_server_tell (server, "set status status=200 body=300000");
  assert_published (client_put (c, 1000));
  test_server_tell (server, "set ok");
  assert_published (client_put (c, 1000));
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (retry_after_reaches_the_caller)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  GstDeliveryResult result;

  test_server_tell (server, "set status status=503 retry-after=7");
  result = client_put (c, 1000);
  fail_unless_equals_uint64 (result.retry_after, 7 * GST_SECOND);
  fail_unless (result.keep_connection);
  assert_verdict (result, GST_DELIVERY_FAILED, "503");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

/* --- credentials --- */

#define USER "hls"
#define PASSWORD "correct horse"

/* libsoup sends nothing at the second try, and gets a 201 for it. */
static void
check_challenge (const gchar * fault)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, USER, PASSWORD, NULL);
  GstHttpClient *first = c->client;

  test_server_tell (server, fault);
  assert_published (client_put (c, 300000));
  assert_last_is_whole (server, 300000);
  assert_counts (server, "2 1");

  assert_published (client_put (c, 1000));
  assert_counts (server, "3 1");

  /* Another worker knows what the first was asked. */
  c->client = gst_http_client_new (&c->config, 1);
  assert_published (client_put (c, 300000));
  assert_last_is_whole (server, 300000);
  assert_counts (server, "4 2");

  gst_http_client_free (first);
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (basic_is_asked_for_once)
{
  check_challenge ("set basic");
}

GST_END_TEST;

GST_START_TEST (digest_is_asked_for_once)
{
  check_challenge ("set digest");
}

GST_END_TEST;

static void
check_old_nonces (const gchar * fault)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, USER, PASSWORD, NULL);

  test_server_tell (server, fault);
  for (guint i = 0; i < 7; i++) {
    assert_published (client_put (c, 100000 + i));
    assert_last_is_whole (server, 100000 + i);
  }
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (a_stale_nonce_is_replaced)
{
  check_old_nonces ("set digest uses=2");
}

GST_END_TEST;

GST_START_TEST (a_nonce_that_is_not_called_stale_is_replaced)
{
  check_old_nonces ("set digest uses=2 stale=no");
}

GST_END_TEST;

static void
check_rejected (const gchar * fault)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, USER, "wrong", NULL);

  test_server_tell (server, fault);
  assert_verdict (client_put (c, 1000), GST_DELIVERY_FAILED, "did not accept the credentials");
  assert_counts (server, "2 1");
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (wrong_credentials_are_given_once)
{
  check_rejected ("set basic");
  check_rejected ("set digest");
  check_rejected ("set unauthorized scheme=Basic");
  check_rejected ("set unauthorized scheme=Digest");
}

GST_END_TEST;

GST_START_TEST (what_cannot_be_answered_is_named)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, USER, PASSWORD, NULL);

  test_server_tell (server, "set digest algorithm=SHA-256");
  assert_verdict (client_put (c, 1000), GST_DELIVERY_FAILED, "Digest SHA-256");
  test_server_tell (server, "set unauthorized scheme=Negotiate");
  assert_verdict (client_put (c, 1000), GST_DELIVERY_FAILED, "Negotiate");
  client_free (c);

  c = client_new (server->url, NULL, NULL, NULL);
  assert_verdict (client_put (c, 1000), GST_DELIVERY_FAILED, "set user-id and user-pw");
  assert_counts (server, "3 2");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

/* --- trouble --- */

static void
check_timeout (const gchar * fault, const gchar * certificate)
{
  TestServer *server = test_server_new ("faulty.py", certificate);
  Client *c = client_new (server->url, NULL, NULL, server->ca);
  gint64 began = g_get_monotonic_time ();
  GstDeliveryResult result;

  test_server_tell (server, fault);
  result = client_put (c, 16 * 1024 * 1024);
  fail_if (result.keep_connection);
  assert_verdict (result, GST_DELIVERY_FAILED, "no progress for 1 s");
  fail_unless (g_get_monotonic_time () - began < 15 * G_USEC_PER_SEC);
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (silence_is_a_failure)
{
  check_timeout ("set never", NULL);
  check_timeout ("set deaf", NULL);
}

GST_END_TEST;

GST_START_TEST (silence_on_tls_is_a_failure)
{
  check_timeout ("set deaf", "good");
}

GST_END_TEST;

GST_START_TEST (slow_is_not_silent)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  gint64 began = g_get_monotonic_time ();

  /* Longer than the timeout, but what fills the sockets' buffers is taken in less. */
  test_server_tell (server, "set slow rate=6000000");
  assert_published (client_put (c, 16 * 1024 * 1024));
  fail_unless (g_get_monotonic_time () - began > 2 * G_USEC_PER_SEC);
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (nobody_listens)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  GstDeliveryResult result;

  test_server_tell (server, "refuse");
  result = client_put (c, 1000);
  assert_verdict (result, GST_DELIVERY_FAILED, "refused");
  test_server_tell (server, "accept");
  assert_published (client_put (c, 1000));
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (a_reset_is_a_failure)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  GstDeliveryResult result;

  test_server_tell (server, "set reset after=100000");
  result = client_put (c, 16 * 1024 * 1024);
  fail_if (result.keep_connection);
  assert_verdict (result, GST_DELIVERY_FAILED, "127.0.0.1");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (a_lost_answer_is_a_failure)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  GstDeliveryResult result;

  test_server_tell (server, "set lose");
  result = client_put (c, 1000);
  fail_if (result.keep_connection);
  assert_verdict (result, GST_DELIVERY_FAILED, "127.0.0.1");
  assert_counts (server, "1 1");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

static void
check_dead_connection (const gchar * certificate)
{
  TestServer *server = test_server_new ("faulty.py", certificate);
  Client *c = client_new (server->url, NULL, NULL, server->ca);

  test_server_tell (server, "next dead");
  assert_published (client_put (c, 1000));
  assert_published (client_put (c, 200000));
  assert_last_is_whole (server, 200000);
  assert_counts (server, "2 2");
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (a_dead_connection_costs_nothing)
{
  check_dead_connection (NULL);
  check_dead_connection ("good");
}

GST_END_TEST;

GST_START_TEST (an_early_answer_is_heard)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  GstDeliveryResult result;

  test_server_tell (server, "set early status=413 after=100000");
  result = client_put (c, 16 * 1024 * 1024);
  fail_if (result.keep_connection);
  fail_unless_equals_int (result.status, 413);
  assert_verdict (result, GST_DELIVERY_REFUSED, "16777216 bytes");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (success_before_the_end_of_the_body_is_a_failure)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, NULL);
  GstDeliveryResult result;

  test_server_tell (server, "set early status=201 after=100000 linger=yes");
  result = client_put (c, 16 * 1024 * 1024);
  fail_if (result.keep_connection);
  assert_verdict (result, GST_DELIVERY_FAILED, "of 16777216 bytes");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

/* The rest of an unfinished body must not be what a server takes for the next request. */
GST_START_TEST (an_early_challenge_is_answered_on_a_new_connection)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, USER, PASSWORD, NULL);
  gchar *received;

  test_server_tell (server, "next early status=401 after=100000 linger=yes");
  test_server_tell (server, "set digest");
  assert_published (client_put (c, 16 * 1024 * 1024));
  assert_last_is_whole (server, 16 * 1024 * 1024);
  assert_counts (server, "2 2");
  received = test_server_ask (server, "received 0");
  fail_unless (g_ascii_strtoull (received, NULL, 10) < 16 * 1024 * 1024, "%s", received);
  g_free (received);
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

/* --- cancelling --- */

typedef struct {
  TestServer *server;
  GCancellable *cancellable;
  const gchar *counts;          /* cancel once the server has these */
  gint64 cancelled;
} Canceller;

static gpointer
cancel_when_under_way (gpointer user)
{
  Canceller *canceller = user;

  if (canceller->counts)
    test_server_wait (canceller->server, "counts", canceller->counts);
  else                          /* nobody can say when; it must be prompt at any time */
    g_usleep (G_USEC_PER_SEC / 5);
  canceller->cancelled = g_get_monotonic_time ();
  g_cancellable_cancel (canceller->cancellable);
  return NULL;
}

static void
check_cancel (TestServer * server, Client * c, const gchar * counts)
{
  Canceller canceller = { server, g_cancellable_new (), counts, 0 };
  GPtrArray *memories = memories_new (16 * 1024 * 1024);
  GstDeliveryResult result;
  GThread *thread = g_thread_new ("cancel", cancel_when_under_way, &canceller);
  gint64 took;

  result = client_send (c, SOUP_METHOD_PUT, memories, canceller.cancellable);
  g_thread_join (thread);
  took = g_get_monotonic_time () - canceller.cancelled;
  fail_unless (took < 2 * G_USEC_PER_SEC, "it took %.1f s", (gdouble) took / G_USEC_PER_SEC);
  fail_if (result.keep_connection);
  fail_unless_equals_int (result.verdict, GST_DELIVERY_FAILED);
  g_free (result.message);
  g_ptr_array_unref (memories);
  g_object_unref (canceller.cancellable);
}

static void
check_cancel_of (const gchar * fault, const gchar * certificate, const gchar * counts)
{
  TestServer *server = test_server_new ("faulty.py", certificate);
  Client *c = client_new (server->url, NULL, NULL, server->ca);

  gst_http_client_free (c->client);
  c->client = gst_http_client_new (&c->config, 60);
  test_server_tell (server, fault);
  check_cancel (server, c, counts);
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (cancelling_is_prompt)
{
  check_cancel_of ("set never", NULL, "1 1");
  check_cancel_of ("set deaf", NULL, "1 1");
  check_cancel_of ("set never", "good", "1 1");
}

GST_END_TEST;

GST_START_TEST (cancelling_a_handshake_is_prompt)
{
  check_cancel_of ("set deaf", "good", "0 1");
}

GST_END_TEST;

/* A listener whose queue is full: the next connection is never made. */
GST_START_TEST (cancelling_a_connection_attempt_is_prompt)
{
  struct sockaddr_in address = {.sin_family = AF_INET,.sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM, 0), waiting[8];
  gchar *url;
  Client *c;

  fail_unless (bind (listener, (struct sockaddr *) &address, sizeof address) == 0 && listen (listener, 0) == 0);
  fail_unless (getsockname (listener, (struct sockaddr *) &address, &size) == 0);
  for (guint i = 0; i < G_N_ELEMENTS (waiting); i++) {
    waiting[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect (waiting[i], (struct sockaddr *) &address, sizeof address);
  }
  url = g_strdup_printf ("http://127.0.0.1:%u/live/x", ntohs (address.sin_port));
  c = client_new (url, NULL, NULL, NULL);
  gst_http_client_free (c->client);
  c->client = gst_http_client_new (&c->config, 60);
  check_cancel (NULL, c, NULL);

  client_free (c);
  g_free (url);
  for (guint i = 0; i < G_N_ELEMENTS (waiting); i++)
    close (waiting[i]);
  close (listener);
}

GST_END_TEST;

/* --- redirects --- */

static void
redirect (TestServer * from, guint status, const gchar * to)
{
  g_free (test_server_askf (from, "set status status=%u location=%s", status, to));
}

GST_START_TEST (redirects_keep_the_put_and_leave_the_secrets_behind)
{
  TestServer *server = test_server_new ("faulty.py", NULL);
  TestServer *other = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, USER, PASSWORD, NULL);
  gchar *value;

  c->config.extra_headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  soup_message_headers_append (c->config.extra_headers, "X-Key", "abc");
  test_server_tell (other, "set unauthorized scheme=Basic");
  redirect (server, 307, other->url);
  assert_verdict (client_put (c, 200000), GST_DELIVERY_FAILED, "location's own server only");
  assert_counts (other, "1 1");

  test_server_tell (other, "set ok");
  redirect (server, 308, other->url);
  assert_published (client_put (c, 200000));
  assert_last_is_whole (other, 200000);
  value = test_server_ask (other, "header 1 x-key");
  fail_unless_equals_string (value, "-");
  g_free (value);
  value = test_server_ask (other, "header 1 authorization");
  fail_unless_equals_string (value, "-");
  g_free (value);
  value = test_server_ask (other, "header 1 content-type");
  fail_unless_equals_string (value, "video/mp2t");
  g_free (value);

  client_free (c);
  test_server_free (other);
  test_server_free (server);
}

GST_END_TEST;

GST_START_TEST (redirects_that_are_not_followed)
{
  TestServer *server = test_server_new ("faulty.py", "good");
  TestServer *other = test_server_new ("faulty.py", NULL);
  Client *c = client_new (server->url, NULL, NULL, server->ca);

  redirect (server, 302, server->url);
  assert_verdict (client_put (c, 1000), GST_DELIVERY_REFUSED, "302");
  redirect (server, 307, other->url);
  assert_verdict (client_put (c, 1000), GST_DELIVERY_REFUSED, "plain http");
  redirect (server, 307, "ftp://127.0.0.1/");
  assert_verdict (client_put (c, 1000), GST_DELIVERY_REFUSED, "Location");
  redirect (server, 307, server->url);
  assert_verdict (client_put (c, 1000), GST_DELIVERY_REFUSED, "more than 5");
  assert_counts (server, "9 1");
  assert_counts (other, "0 0");
  client_free (c);
  test_server_free (other);
  test_server_free (server);
}

GST_END_TEST;

/* --- TLS --- */

static void
check_certificate (const gchar * certificate, const gchar * reason)
{
  TestServer *server = test_server_new ("faulty.py", certificate);
  Client *c = client_new (server->url, NULL, NULL, server->ca);

  if (reason == NULL)
    assert_published (client_put (c, 200000));
  else
    assert_verdict (client_put (c, 200000), GST_DELIVERY_FAILED, reason);
  assert_counts (server, reason ? "0 1" : "1 1");
  client_free (c);
  test_server_free (server);
}

GST_START_TEST (only_good_certificates_are_accepted)
{
  check_certificate ("good", NULL);
  check_certificate ("stranger", "not signed by a trusted authority");
  check_certificate ("expired", "expired");
  check_certificate ("other_host", "another host");
}

GST_END_TEST;

GST_START_TEST (the_system_store_is_the_default)
{
  TestServer *server = test_server_new ("faulty.py", "good");
  Client *c = client_new (server->url, NULL, NULL, NULL);

  assert_verdict (client_put (c, 1000), GST_DELIVERY_FAILED, "not signed by a trusted authority");
  client_free (c);
  test_server_free (server);
}

GST_END_TEST;

/* --- nginx --- */

static Client *
client_for_nginx (TestServer * nginx, const gchar * scheme, const gchar * port)
{
  gchar *url = g_strdup_printf ("%s://127.0.0.1:%s/live/x.ts", scheme, test_server_get (nginx, port));
  Client *c = client_new (url, NULL, NULL, test_server_get (nginx, "ca"));

  g_free (url);
  return c;
}

static void
assert_stored (TestServer * nginx, gsize size)
{
  gchar *path = g_build_filename (test_server_get (nginx, "root"), "live", "x.ts", NULL);
  GPtrArray *memories = memories_new (size);
  gchar *wanted = memories_sha256 (memories);
  gchar *bytes, *found;
  gsize length;

  fail_unless (g_file_get_contents (path, &bytes, &length, NULL));
  found = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) bytes, length);
  fail_unless_equals_string (found, wanted);
  g_free (found);
  g_free (bytes);
  g_free (wanted);
  g_ptr_array_unref (memories);
  g_free (path);
}

static void
check_nginx (const gchar * scheme, const gchar * port)
{
  TestServer *nginx = test_server_new ("servers.py", "nginx");
  Client *c = client_for_nginx (nginx, scheme, port);

  for (guint i = 0; i < 10; i++) {
    GstDeliveryResult result = client_put (c, 1500000 + i);

    assert_published (result);
    fail_unless_equals_int (result.status, i == 0 ? 201 : 204);
    fail_unless (result.keep_connection);
    assert_stored (nginx, 1500000 + i);
  }
  assert_published (client_send (c, SOUP_METHOD_DELETE, NULL, NULL));
  assert_published (client_send (c, SOUP_METHOD_DELETE, NULL, NULL));
  client_free (c);
  test_server_free (nginx);
}

GST_START_TEST (nginx_http)
{
  check_nginx ("http", "port");
}

GST_END_TEST;

GST_START_TEST (nginx_https)
{
  check_nginx ("https", "tls1_port");
}

GST_END_TEST;

GST_START_TEST (nginx_http2)
{
  check_nginx ("https", "tls_port");
}

GST_END_TEST;

/* libsoup writes to a HTTP/2 connection without looking at the cancellable. This Apache's
 * windows are larger than the socket's buffers: the client waits for the socket. */
GST_START_TEST (cancelling_http2_is_prompt)
{
  TestServer *apache = test_server_new ("servers.py", "apache");
  gchar *url = g_strdup_printf ("https://127.0.0.1:%s/open/x.ts", test_server_get (apache, "tls_port"));
  Client *c = client_new (url, NULL, NULL, test_server_get (apache, "ca"));
  pid_t group = -atoi (test_server_get (apache, "pid"));

  /* libsoup 3.2 loses a list node with a connection that ends this way. */
#ifdef __SANITIZE_ADDRESS__
  __lsan_disable ();
#endif
  gst_http_client_free (c->client);
  c->client = gst_http_client_new (&c->config, 60);
  assert_published (client_put (c, 1000));
  fail_unless (kill (group, SIGSTOP) == 0);
  check_cancel (apache, c, NULL);
  fail_unless (kill (group, SIGCONT) == 0);
#ifdef __SANITIZE_ADDRESS__
  __lsan_enable ();
#endif
  client_free (c);
  g_free (url);
  test_server_free (apache);
}

GST_END_TEST;

static void
set_up (void)
{
  folder = g_dir_make_tmp ("httpclient-XXXXXX", NULL);
  fail_unless (folder != NULL);
}

static void
tear_down (void)
{
  fail_unless (g_rmdir (folder) == 0);
  g_clear_pointer (&folder, g_free);
}

static Suite *
httpclient_suite (void)
{
  Suite *s = suite_create ("httpclient");
  TCase *plain = tcase_create ("plain"), *net = tcase_create ("net");

  tcase_add_checked_fixture (plain, set_up, tear_down);
  tcase_add_test (plain, body_is_its_memories);
  tcase_add_test (plain, body_ends_when_it_is_answered);
  tcase_add_test (plain, status_table);
  tcase_add_test (plain, retry_after_in_seconds_or_as_a_date);
  tcase_add_test (plain, headers_that_can_be_given);
  tcase_add_test (plain, secrets_come_from_where_they_are_said_to_be);
  suite_add_tcase (s, plain);

  tcase_add_test (net, a_put_says_what_it_brings);
  tcase_add_test (net, an_empty_object_has_a_length);
  tcase_add_test (net, overwrites_share_a_connection);
  tcase_add_test (net, what_is_not_there_is_deleted);
  tcase_add_test (net, a_long_answer_is_not_read_to_its_end);
  tcase_add_test (net, retry_after_reaches_the_caller);
  tcase_add_test (net, basic_is_asked_for_once);
  tcase_add_test (net, digest_is_asked_for_once);
  tcase_add_test (net, a_stale_nonce_is_replaced);
  tcase_add_test (net, a_nonce_that_is_not_called_stale_is_replaced);
  tcase_add_test (net, wrong_credentials_are_given_once);
  tcase_add_test (net, what_cannot_be_answered_is_named);
  tcase_add_test (net, silence_is_a_failure);
  tcase_add_test (net, silence_on_tls_is_a_failure);
  tcase_add_test (net, slow_is_not_silent);
  tcase_add_test (net, nobody_listens);
  tcase_add_test (net, a_reset_is_a_failure);
  tcase_add_test (net, a_lost_answer_is_a_failure);
  tcase_add_test (net, a_dead_connection_costs_nothing);
  tcase_add_test (net, an_early_answer_is_heard);
  tcase_add_test (net, success_before_the_end_of_the_body_is_a_failure);
  tcase_add_test (net, an_early_challenge_is_answered_on_a_new_connection);
  tcase_add_test (net, cancelling_is_prompt);
  tcase_add_test (net, cancelling_a_handshake_is_prompt);
  tcase_add_test (net, cancelling_a_connection_attempt_is_prompt);
  tcase_add_test (net, redirects_keep_the_put_and_leave_the_secrets_behind);
  tcase_add_test (net, redirects_that_are_not_followed);
  tcase_add_test (net, only_good_certificates_are_accepted);
  tcase_add_test (net, the_system_store_is_the_default);
  tcase_add_test (net, nginx_http);
  tcase_add_test (net, nginx_https);
  tcase_add_test (net, nginx_http2);
  tcase_add_test (net, cancelling_http2_is_prompt);
  suite_add_tcase (s, net);
  return s;
}

GST_CHECK_MAIN (httpclient);
