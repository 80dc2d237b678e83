/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The HTTP client and what it is made of: requests, credentials, redirects, certificates.
 * Faults are test-httpfaults.c's.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include <glib/gstdio.h>
#include <http/gsthttpbody.h>
#include <http/gsthttpstatus.h>
#include "httpclient.h"

static gchar *folder;           /* for files of a test */

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
  /* the host is looked up again */
  fail_if (result.keep_connection);
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
  tcase_add_test (net, redirects_keep_the_put_and_leave_the_secrets_behind);
  tcase_add_test (net, redirects_that_are_not_followed);
  tcase_add_test (net, only_good_certificates_are_accepted);
  tcase_add_test (net, the_system_store_is_the_default);
  tcase_add_test (net, nginx_http);
  tcase_add_test (net, nginx_https);
  tcase_add_test (net, nginx_http2);
  suite_add_tcase (s, net);
  return s;
}

GST_CHECK_MAIN (httpclient);
