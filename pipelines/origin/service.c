/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative references: RFC 9110 (methods, ranges, validators), RFC 4918 9.3, 9.6, 9.7
 * (MKCOL, DELETE, PUT), RFC 8216bis 10 (content types).
 *
 * A body is gathered beside the store and goes in at its end, so that a reader sees the
 * object before or the object after, never a part.
 */
#include "service.h"

#include <string.h>

#include "inputs.h"
#include "listener.h"
#include "store.h"

#define PAGE "/origin/page.html"

struct _Service {
  Store *store;
  Inputs *inputs;
  guint n_inputs;
  guint64 keep_bytes;
  guint64 incoming;             /* bytes of the uploads under way */
  GBytes *hls_js;
};

/* The body of a request under way. */
typedef struct {
  Service *service;
  GByteArray *data;
  guint refused;                /* HTTP status, 0: none */
  gchar *reason;
} Upload;

static const gchar *
content_type_of (const gchar * path)
{
  static const struct
  {
    const gchar *suffix, *type;
  } types[] = {
    {".m3u8", "application/vnd.apple.mpegurl"},
    {".ts", "video/mp2t"},
    {".mp4", "video/mp4"},
    {".m4s", "video/iso.segment"},
    {".aac", "audio/aac"},
    {".ac3", "audio/ac3"},
    {".ec3", "audio/eac3"},
    {".mp3", "audio/mpeg"},
    {".vtt", "text/vtt"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    if (g_str_has_suffix (path, types[i].suffix))
      return types[i].type;
  }
  return "application/octet-stream";
}

static void answer (SoupServerMessage * msg, guint status, const gchar * format, ...) G_GNUC_PRINTF (3, 4);

static void
answer (SoupServerMessage * msg, guint status, const gchar * format, ...)
{
  va_list args;
  gchar *text;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  soup_server_message_set_response (msg, "text/plain; charset=utf-8", SOUP_MEMORY_TAKE, text, strlen (text));
  soup_server_message_set_status (msg, status, NULL);
}

/* Sends no body, and says so: without a length some clients give up the connection. */
static void
answer_empty (SoupServerMessage * msg, guint status)
{
  if (status == SOUP_STATUS_CREATED)
    soup_message_headers_set_content_length (soup_server_message_get_response_headers (msg), 0);
  soup_server_message_set_status (msg, status, NULL);
}

static gboolean
path_is_clean (const gchar * path)
{
  if (*path != '/' || !g_utf8_validate (path, -1, NULL) || strstr (path, "//") != NULL || strstr (path, "/./") != NULL
      || strstr (path, "/../") != NULL || g_str_has_suffix (path, "/.") || g_str_has_suffix (path, "/.."))
    return FALSE;
  for (const gchar * p = path; *p != '\0'; p++) {
    if (g_ascii_iscntrl (*p))
      return FALSE;
  }
  return TRUE;
}

/* What may be written: something below one of the inputs. FALSE: @msg has its answer. */
static gboolean
check_target (Service * self, SoupServerMessage * msg, const gchar * path)
{
  g_autofree gchar *input = NULL;
  const gchar *end = strchr (path + 1, '/');

  input = end != NULL ? g_strndup (path, end + 1 - path) : g_strdup (path);
  if (!g_str_equal (path, "/") && store_has_collection (self->store, input))
    return TRUE;
  answer (msg, SOUP_STATUS_FORBIDDEN, "%s: publish below /0/ to /%u/\n", path, self->n_inputs - 1);
  return FALSE;
}

static void
upload_drop (Upload * upload)
{
  upload->service->incoming -= upload->data->len;
  g_byte_array_set_size (upload->data, 0);
}

static void
upload_refuse (Upload * upload, guint status, gchar * reason)
{
  upload_drop (upload);
  upload->refused = status;
  upload->reason = reason;
}

static void
upload_free (gpointer data)
{
  Upload *upload = data;

  upload_drop (upload);
  g_byte_array_unref (upload->data);
  g_free (upload->reason);
  g_free (upload);
}

static void
upload_got_chunk (SoupServerMessage * msg, GBytes * chunk, gpointer data)
{
  Upload *upload = data;
  Service *self = upload->service;
  gsize size = g_bytes_get_size (chunk);

  /* Whoever is not let in is read to the end all the same: into nothing. */
  if (upload->refused != 0 || soup_server_message_get_status (msg) != 0
      || soup_server_message_get_method (msg) != SOUP_METHOD_PUT)
    return;
  if (upload->data->len + size > self->keep_bytes) {
    upload_refuse (upload, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
        g_strdup_printf ("more than the %" G_GUINT64_FORMAT " bytes that this origin keeps\n", self->keep_bytes));
  } else if (self->incoming + size > self->keep_bytes) {
    upload_refuse (upload, SOUP_STATUS_SERVICE_UNAVAILABLE, g_strdup ("too many uploads at once\n"));
  } else {
    g_byte_array_append (upload->data, g_bytes_get_data (chunk, NULL), size);
    self->incoming += size;
  }
}

static void
request_started (SoupServer * server, SoupServerMessage * msg, gpointer data)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  Upload *upload = g_new0 (Upload, 1);

  upload->service = data;
  upload->data = g_byte_array_new ();
  g_object_set_data_full (G_OBJECT (msg), "upload", upload, upload_free);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (msg), FALSE);
  g_signal_connect (msg, "got-chunk", G_CALLBACK (upload_got_chunk), upload);

  /* libsoup 3.2 never lets go of a kept-alive connection that its client closed: an origin
   * whose players come and go would run out of descriptors. */
  soup_message_headers_replace (headers, "Connection", "close");
  soup_message_headers_replace (headers, "Access-Control-Allow-Origin", "*");
  soup_message_headers_replace (headers, "Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag");
}

static void
answer_result (SoupServerMessage * msg, const gchar * path, StoreResult result)
{
  switch (result) {
    case STORE_CREATED:
      answer_empty (msg, SOUP_STATUS_CREATED);
      break;
    case STORE_REPLACED:
    case STORE_REMOVED:
      answer_empty (msg, SOUP_STATUS_NO_CONTENT);
      break;
    case STORE_NOT_FOUND:
      answer (msg, SOUP_STATUS_NOT_FOUND, "%s: not here\n", path);
      break;
    case STORE_EXISTS:
      answer (msg, SOUP_STATUS_METHOD_NOT_ALLOWED, "%s: exists\n", path);
      break;
    case STORE_IS_COLLECTION:
      answer (msg, SOUP_STATUS_METHOD_NOT_ALLOWED, "%s: is a collection\n", path);
      break;
    case STORE_NO_PARENT:
      answer (msg, SOUP_STATUS_CONFLICT, "%s: what it should go into is no collection\n", path);
      break;
    case STORE_FULL:
      answer (msg, SOUP_STATUS_INSUFFICIENT_STORAGE, "%s: no room left\n", path);
      break;
  }
}

static void
handle_put (Service * self, SoupServerMessage * msg, const gchar * path)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  Upload *upload = g_object_get_data (G_OBJECT (msg), "upload");
  const gchar *type = soup_message_headers_get_one (headers, "Content-Type");
  g_autoptr (GBytes) body = NULL;
  StoreObject *object;
  StoreResult result;

  if (!check_target (self, msg, path))
    return;
  if (upload->refused != 0) {
    answer (msg, upload->refused, "%s: %s", path, upload->reason);
    return;
  }
  if (soup_message_headers_get_one (headers, "Content-Range") != NULL) {
    answer (msg, SOUP_STATUS_BAD_REQUEST, "%s: a PUT is of the whole object, not of a Content-Range\n", path);
    return;
  }

  if (listener_client_has_closed (msg)) {
    answer (msg, SOUP_STATUS_BAD_REQUEST, "%s: the connection ended in its body\n", path);
    return;
  }

  self->incoming -= upload->data->len;
  body = g_byte_array_free_to_bytes (g_steal_pointer (&upload->data));
  upload->data = g_byte_array_new ();
  object = store_object_new (body, type != NULL ? type : content_type_of (path));
  object->cache_control = g_strdup (soup_message_headers_get_one (headers, "Cache-Control"));
  object->content_encoding = g_strdup (soup_message_headers_get_one (headers, "Content-Encoding"));
  object->pinned = inputs_is_playlist (path);
  result = store_put (self->store, path, object);
  if (result == STORE_CREATED || result == STORE_REPLACED)
    inputs_stored (self->inputs, path, object);
  answer_result (msg, path, result);
}

static void
handle_delete (Service * self, SoupServerMessage * msg, const gchar * path)
{
  StoreResult result;

  if (!check_target (self, msg, path))
    return;
  result = store_remove (self->store, path);
  if (result == STORE_REMOVED)
    inputs_removed (self->inputs, path);
  answer_result (msg, path, result);
}

static void
handle_mkcol (Service * self, SoupServerMessage * msg, const gchar * path)
{
  g_autofree gchar *collection = g_str_has_suffix (path, "/") ? g_strdup (path) : g_strconcat (path, "/", NULL);

  if (!check_target (self, msg, collection))
    return;
  answer_result (msg, path, store_make_collection (self->store, collection));
}

static gchar *
write_stats (Service * self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "now");
  json_builder_add_double_value (builder, g_get_real_time () / (gdouble) G_USEC_PER_SEC);
  json_builder_set_member_name (builder, "hls_js");
  json_builder_add_boolean_value (builder, self->hls_js != NULL);
  inputs_to_json (self->inputs, builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static void
send_bytes (SoupServerMessage * msg, GBytes * body, const gchar * type)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);

  soup_message_headers_replace (headers, "Content-Type", type);
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  if (soup_server_message_get_method (msg) == SOUP_METHOD_HEAD)
    soup_message_headers_set_content_length (headers, g_bytes_get_size (body));
  else if (g_bytes_get_size (body) > 0)
    soup_message_body_append_bytes (soup_server_message_get_response_body (msg), body);
  soup_server_message_set_status (msg, SOUP_STATUS_OK, NULL);
}

/* Not the origin's objects but its own: never from a cache. */
static void
send_own (SoupServerMessage * msg, GBytes * body, const gchar * type)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
  send_bytes (msg, body, type);
}

static gboolean
etag_in (const gchar * list, const gchar * etag)
{
  g_auto (GStrv) tags = g_strsplit (list, ",", -1);

  for (guint i = 0; tags[i] != NULL; i++) {
    const gchar *tag = g_strstrip (tags[i]);

    if (g_str_has_prefix (tag, "W/"))
      tag += 2;
    if (g_str_equal (tag, "*") || g_str_equal (tag, etag))
      return TRUE;
  }
  return FALSE;
}

static void
send_object (SoupServerMessage * msg, const StoreObject * object)
{
  SoupMessageHeaders *request = soup_server_message_get_request_headers (msg);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  const gchar *tags = soup_message_headers_get_list (request, "If-None-Match");
  const gchar *if_range = soup_message_headers_get_one (request, "If-Range");

  soup_message_headers_replace (headers, "ETag", object->etag);
  if (object->cache_control != NULL)
    soup_message_headers_replace (headers, "Cache-Control", object->cache_control);
  if (tags != NULL && etag_in (tags, object->etag)) {
    soup_server_message_set_status (msg, SOUP_STATUS_NOT_MODIFIED, NULL);
    return;
  }
  if (object->content_encoding != NULL)
    soup_message_headers_replace (headers, "Content-Encoding", object->content_encoding);
  soup_message_headers_replace (headers, "Accept-Ranges", "bytes");
  /* A part of another version would not fit what the client has: all of this one. libsoup
   * cuts the ranges that are left. */
  if (if_range != NULL && !g_str_equal (if_range, object->etag))
    soup_message_headers_remove (request, "Range");
  send_bytes (msg, object->body, object->content_type);
}

static void
handle_get (Service * self, SoupServerMessage * msg, const gchar * path)
{
  const StoreObject *object = store_lookup (self->store, path);

  if (object != NULL) {
    send_object (msg, object);
  } else if (g_str_equal (path, "/")) {
    g_autoptr (GBytes) page = g_resources_lookup_data (PAGE, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

    send_own (msg, page, "text/html; charset=utf-8");
  } else if (g_str_equal (path, "/stats.json")) {
    gchar *text = write_stats (self);
    g_autoptr (GBytes) stats = g_bytes_new_take (text, strlen (text));

    send_own (msg, stats, "application/json");
  } else if (g_str_equal (path, "/hls.js") && self->hls_js != NULL) {
    send_own (msg, self->hls_js, "text/javascript; charset=utf-8");
  } else {
    /* Asked for again soon: a playlist that is not there yet will be. */
    soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
    answer (msg, SOUP_STATUS_NOT_FOUND, "%s: not here\n", path);
  }
}

static void
handler (SoupServer * server, SoupServerMessage * msg, const char *path, GHashTable * query, gpointer data)
{
  static const gchar *const allowed = "GET, HEAD, PUT, DELETE, MKCOL, OPTIONS";
  Service *self = data;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  const gchar *method = soup_server_message_get_method (msg);

  /* libsoup took the percent signs out. */
  if (!path_is_clean (path)) {
    answer (msg, SOUP_STATUS_BAD_REQUEST, "not a clean path\n");
  } else if (method == SOUP_METHOD_GET || method == SOUP_METHOD_HEAD) {
    handle_get (self, msg, path);
  } else if (method == SOUP_METHOD_PUT) {
    handle_put (self, msg, path);
  } else if (method == SOUP_METHOD_DELETE) {
    handle_delete (self, msg, path);
  } else if (method == SOUP_METHOD_MKCOL) {
    handle_mkcol (self, msg, path);
  } else if (method == SOUP_METHOD_OPTIONS) {
    soup_message_headers_replace (headers, "Allow", allowed);
    soup_message_headers_replace (headers, "Access-Control-Allow-Methods", "GET, HEAD");
    soup_message_headers_replace (headers, "Access-Control-Allow-Headers", "Range");
    answer_empty (msg, SOUP_STATUS_NO_CONTENT);
  } else {
    soup_message_headers_replace (headers, "Allow", allowed);
    answer (msg, SOUP_STATUS_METHOD_NOT_ALLOWED, "%s: not a method of this origin\n", method);
  }
}

Service *
service_new (guint n_inputs, guint64 keep_bytes, GBytes * hls_js)
{
  Service *self = g_new0 (Service, 1);

  self->store = store_new (keep_bytes);
  self->inputs = inputs_new (n_inputs, self->store);
  self->n_inputs = n_inputs;
  self->keep_bytes = keep_bytes;
  self->hls_js = hls_js != NULL ? g_bytes_ref (hls_js) : NULL;
  for (guint i = 0; i < n_inputs; i++) {
    g_autofree gchar *collection = g_strdup_printf ("/%u/", i);

    store_make_collection (self->store, collection);
  }
  return self;
}

void
service_free (Service * self)
{
  inputs_free (self->inputs);
  store_free (self->store);
  g_clear_pointer (&self->hls_js, g_bytes_unref);
  g_free (self);
}

void
service_attach (Service * self, SoupServer * server)
{
  g_signal_connect (server, "request-started", G_CALLBACK (request_started), self);
  soup_server_add_handler (server, NULL, handler, self, NULL);
}
