/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The HTTP client when the server, the connection or the caller gives up.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "httpclient.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#define USER "hls"
#define PASSWORD "correct horse"

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
  fail_unless (took < prompt_limit (), "it took %.1f s", (gdouble) took / G_USEC_PER_SEC);
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
  warm_up_tls ();
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

static Suite *
httpfaults_suite (void)
{
  Suite *s = suite_create ("httpfaults");
  TCase *tc = tcase_create ("net");

  tcase_add_test (tc, silence_is_a_failure);
  tcase_add_test (tc, silence_on_tls_is_a_failure);
  tcase_add_test (tc, slow_is_not_silent);
  tcase_add_test (tc, nobody_listens);
  tcase_add_test (tc, a_reset_is_a_failure);
  tcase_add_test (tc, a_lost_answer_is_a_failure);
  tcase_add_test (tc, a_dead_connection_costs_nothing);
  tcase_add_test (tc, an_early_answer_is_heard);
  tcase_add_test (tc, success_before_the_end_of_the_body_is_a_failure);
  tcase_add_test (tc, an_early_challenge_is_answered_on_a_new_connection);
  tcase_add_test (tc, cancelling_is_prompt);
  tcase_add_test (tc, cancelling_a_handshake_is_prompt);
  tcase_add_test (tc, cancelling_a_connection_attempt_is_prompt);
  tcase_add_test (tc, cancelling_http2_is_prompt);
  suite_add_tcase (s, tc);
  return s;
}

GST_CHECK_MAIN (httpfaults);
