/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A GstHttpClient with what it needs, for tests.
 */
#pragma once

#include <string.h>
#include <gst/check/gstcheck.h>
#include <http/gsthttpclient.h>
#include "servers.h"

typedef struct {
  GstHttpConfig config;
  GstHttpClient *client;
  GUri *base;
} Client;

static inline Client *
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

static inline void
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
static inline GPtrArray *
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

static inline gchar *
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

static inline GstDeliveryResult
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

static inline GstDeliveryResult
client_put (Client * c, gsize size)
{
  GPtrArray *memories = memories_new (size);
  GstDeliveryResult result = client_send (c, SOUP_METHOD_PUT, memories, NULL);

  g_ptr_array_unref (memories);
  return result;
}

static inline void
assert_published (GstDeliveryResult result)
{
  fail_unless (result.verdict == GST_DELIVERY_PUBLISHED, "%s", result.message);
}

/* Not published, for a reason with @word in it. */
static inline void
assert_verdict (GstDeliveryResult result, GstDeliveryVerdict verdict, const gchar * word)
{
  fail_unless_equals_int (result.verdict, verdict);
  fail_unless (strstr (result.message, word) != NULL, "\"%s\" is not in \"%s\"", word, result.message);
  g_free (result.message);
}

/* The last request brought all of a body of @size bytes. */
static inline void
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

static inline void
assert_counts (TestServer * server, const gchar * requests_and_connections)
{
  gchar *counts = test_server_ask (server, "counts");

  fail_unless_equals_string (counts, requests_and_connections);
  g_free (counts);
}
