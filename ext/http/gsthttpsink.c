/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GstHttpSink, see gsthttpsink.h: locations, settings and what of an object becomes a
 * header. The transfer itself is gsthttpclient.c.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include "gsthttpsink.h"
#include "gsthttpclient.h"

GST_DEBUG_CATEGORY_STATIC (gst_http_sink_debug);
#define GST_CAT_DEFAULT gst_http_sink_debug

#define DEFAULT_USER_AGENT "gst-output-groups/" VERSION

enum
{
  PROP_0,
  PROP_LOCATION,
  PROP_USER_AGENT,
  PROP_EXTRA_HEADERS,
  PROP_TLS_CA_FILE,
};

struct _GstHttpSinkPrivate
{
  /* Settings, under the object lock. */
  gchar *user_agent;
  GstStructure *extra_headers;
  gchar *tls_ca_file;

  /* From open() to close(). */
  gchar *user, *password;
  GUri *folder;
  GstHttpConfig config;
};

#define gst_http_sink_parent_class parent_class
G_DEFINE_ABSTRACT_TYPE_WITH_CODE (GstHttpSink, gst_http_sink, GST_TYPE_DELIVERY_SINK,
    G_ADD_PRIVATE (GstHttpSink)
    GST_DEBUG_CATEGORY_INIT (gst_http_sink_debug, "httpsink", 0, "publishing over HTTP"));

/* --- location --- */

gchar *
gst_http_location_without_query (const gchar * location)
{
  return location ? g_strndup (location, strcspn (location, "?#")) : NULL;
}

/* The messages never show more than scheme, host and path: the rest may hold secrets. */
static GUri *
gst_http_sink_parse_location (const gchar * location, GError ** error)
{
  g_autoptr (GUri) uri = NULL;
  g_autofree gchar *scheme = g_uri_parse_scheme (location);
  const gchar *host;

  if (scheme == NULL || (g_ascii_strcasecmp (scheme, "http") != 0 && g_ascii_strcasecmp (scheme, "https") != 0)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "location has the scheme \"%s\"; it must be http:// or https://, as in https://host/live/name",
        scheme ? scheme : "");
    return NULL;
  }
  uri = g_uri_parse (location, SOUP_HTTP_URI_FLAGS, NULL);
  host = uri ? g_uri_get_host (uri) : NULL;
  if (host == NULL || *host == '\0') {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "location (%s://...) is not a URL with a host; it must be like https://host/live/name", scheme);
    return NULL;
  }
  if (g_uri_get_userinfo (uri) != NULL) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "location (%s://...@%s/...) has credentials in it; give them as user-id and user-pw", scheme, host);
    return NULL;
  }
  if (g_uri_get_fragment (uri) != NULL) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "location (%s://%s/...) has a fragment (#...), which cannot be published to; leave it out, or write # as %%23",
        scheme, host);
    return NULL;
  }
  return g_steal_pointer (&uri);
}

static gboolean
gst_http_sink_check_location (GstDeliverySink * sink, const gchar * location, GError ** error)
{
  GUri *uri = gst_http_sink_parse_location (location, error);

  if (uri == NULL)
    return FALSE;
  g_uri_unref (uri);
  return TRUE;
}

/* @path: percent-encoded. The query goes with every request: CDNs take tokens there. */
static GUri *
gst_http_uri_with_path (GUri * uri, const gchar * path)
{
  return g_uri_build (SOUP_HTTP_URI_FLAGS, g_uri_get_scheme (uri), NULL, g_uri_get_host (uri), g_uri_get_port (uri),
      path, g_uri_get_query (uri), NULL);
}

static GUri *
gst_http_sink_build_uri (GstHttpSink * self, const gchar * name)
{
  /* RFC 3986, 3.3: what may stand in a path as it is. */
  gchar *escaped = g_uri_escape_string (name, G_URI_RESERVED_CHARS_ALLOWED_IN_PATH, FALSE);
  gchar *path = g_strconcat (g_uri_get_path (self->priv->folder), escaped, NULL);
  GUri *uri = gst_http_uri_with_path (self->priv->folder, path);

  g_free (path);
  g_free (escaped);
  return uri;
}

/* --- settings --- */

static SoupMessageHeaders *
gst_http_sink_parse_headers (const GstStructure * structure, GError ** error)
{
  SoupMessageHeaders *headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);

  for (gint i = 0; i < gst_structure_n_fields (structure); i++) {
    const gchar *name = gst_structure_nth_field_name (structure, i);
    const GValue *value = gst_structure_get_value (structure, name);
    g_autofree gchar *text = G_VALUE_HOLDS_STRING (value) ? g_value_dup_string (value) : gst_value_serialize (value);

    if (!gst_http_header_is_allowed (name, text ? text : "", error)) {
      g_prefix_error (error, "extra-headers: ");
      soup_message_headers_unref (headers);
      return NULL;
    }
    soup_message_headers_append (headers, name, text ? text : "");
  }
  return headers;
}

/* Read once, so that a wrong path is said at start and not by each worker. */
static GTlsDatabase *
gst_http_sink_load_ca_file (const gchar * path, GError ** error)
{
  g_autoptr (GError) why = NULL;
  g_autofree gchar *absolute = g_canonicalize_filename (path, NULL);    /* it must be */
  GList *certificates = g_tls_certificate_list_new_from_file (absolute, &why);
  gboolean any = certificates != NULL;
  GTlsDatabase *database = NULL;

  g_list_free_full (certificates, g_object_unref);
  if (any)
    database = g_tls_file_database_new (absolute, &why);
  if (database == NULL)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "tls-ca-file is \"%s\", but %s; it must be a PEM file of the authorities to trust", path,
        why ? why->message : "it holds no certificate");
  return database;
}

static gboolean
gst_http_sink_load_settings (GstHttpSink * self, GError ** error)
{
  GstHttpSinkPrivate *priv = self->priv;
  g_autofree gchar *ca_file = NULL;
  g_autoptr (GstStructure) extra = NULL;

  GST_OBJECT_LOCK (self);
  priv->config.user_agent = g_strdup (priv->user_agent);
  ca_file = g_strdup (priv->tls_ca_file);
  extra = priv->extra_headers ? gst_structure_copy (priv->extra_headers) : NULL;
  GST_OBJECT_UNLOCK (self);

  for (const gchar * c = priv->config.user_agent; *c; c++) {
    if (g_ascii_iscntrl (*c)) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "user-agent holds a control character; it must be one line of text");
      return FALSE;
    }
  }
  if (extra && !(priv->config.extra_headers = gst_http_sink_parse_headers (extra, error)))
    return FALSE;
  if (ca_file && *ca_file && !(priv->config.tls_database = gst_http_sink_load_ca_file (ca_file, error)))
    return FALSE;
  return TRUE;
}

static void
gst_http_sink_clear (GstHttpSink * self)
{
  GstHttpSinkPrivate *priv = self->priv;

  g_clear_pointer (&priv->user, g_free);
  g_clear_pointer (&priv->password, gst_http_free_secret);
  g_clear_pointer (&priv->folder, g_uri_unref);
  g_clear_pointer (&priv->config.user_agent, g_free);
  g_clear_object (&priv->config.tls_database);
  g_clear_pointer (&priv->config.extra_headers, soup_message_headers_unref);
  g_clear_pointer (&priv->config.auth, gst_http_auth_free);
}

static gboolean
gst_http_sink_open (GstDeliverySink * sink, GError ** error)
{
  GstHttpSink *self = GST_HTTP_SINK (sink);
  GstHttpSinkPrivate *priv = self->priv;
  g_autofree gchar *location = gst_delivery_sink_dup_location (sink);
  g_autofree gchar *folder = NULL;
  g_autoptr (GUri) uri = NULL;

  uri = gst_http_sink_parse_location (location, error);
  if (uri == NULL || !gst_http_sink_load_settings (self, error)) {
    gst_http_sink_clear (self);
    return FALSE;
  }
  gst_delivery_split_location (g_uri_get_path (uri), &folder, NULL);
  priv->folder = gst_http_uri_with_path (uri, folder);
  priv->config.auth = gst_http_auth_new (priv->folder, priv->user, priv->password);
  GST_DEBUG_OBJECT (self, "publishing to %s://%s:%d%s, %s credentials", g_uri_get_scheme (uri), g_uri_get_host (uri),
      g_uri_get_port (uri), folder, priv->user ? "with" : "without");
  return TRUE;
}

static void
gst_http_sink_close (GstDeliverySink * sink)
{
  gst_http_sink_clear (GST_HTTP_SINK (sink));
}

/* The base class would take a token for part of the name. */
static gboolean
gst_http_sink_query (GstBaseSink * sink, GstQuery * query)
{
  if (gst_delivery_query_is_destination (query)) {
    g_autofree gchar *location = NULL, *base_name = NULL;

    g_object_get (sink, "location", &location, NULL);
    if (location == NULL || *location == '\0')
      return FALSE;
    gst_delivery_split_location (location, NULL, &base_name);
    gst_delivery_query_set_destination (query, base_name);
    return TRUE;
  }
  return GST_BASE_SINK_CLASS (parent_class)->query (sink, query);
}

void
gst_http_sink_set_credentials (GstHttpSink * self, const gchar * user, const gchar * password)
{
  g_free (self->priv->user);
  gst_http_free_secret (self->priv->password);
  self->priv->user = g_strdup (user);
  self->priv->password = g_strdup (password);
}

/* --- publishing, on worker threads --- */

static gpointer
gst_http_sink_connect (GstDeliverySink * sink)
{
  GstClockTime timeout = gst_delivery_sink_get_timeout (sink);

  /* libsoup counts in seconds, and 0 is for ever. */
  return gst_http_client_new (&GST_HTTP_SINK (sink)->priv->config, MAX (timeout / GST_SECOND, 1));
}

static void
gst_http_sink_disconnect (GstDeliverySink * sink, gpointer connection)
{
  gst_http_client_free (connection);
}

static const gchar *
gst_http_default_content_type (GstDeliveryKind kind)
{
  switch (kind) {
    case GST_DELIVERY_KIND_PLAYLIST:
    case GST_DELIVERY_KIND_MULTIVARIANT:
      return "application/vnd.apple.mpegurl";  /* RFC 8216, 4 */
    case GST_DELIVERY_KIND_INIT:
      return "video/mp4";
    case GST_DELIVERY_KIND_SEGMENT:
    case GST_DELIVERY_KIND_PART:
      return "video/mp2t";
    default:
      return "application/octet-stream";
  }
}

/* A playlist is as good as new for half its target duration, a segment never changes;
 * a key is nobody's to keep. */
static gchar *
gst_http_default_cache_control (const GstDeliveryInfo * info)
{
  if (GST_DELIVERY_KIND_IS_PLAYLIST (info->kind)) {
    if (!GST_CLOCK_TIME_IS_VALID (info->duration))
      return g_strdup ("no-cache");
    return g_strdup_printf ("max-age=%" G_GUINT64_FORMAT, MAX (info->duration / (2 * GST_SECOND), 1));
  }
  return g_strdup (info->kind == GST_DELIVERY_KIND_KEY ? "no-store" : "max-age=31536000, immutable");
}

static void
gst_http_sink_send (GstHttpSink * self, GstHttpClient * client, GstHttpRequest * request, const gchar * name,
    GCancellable * cancellable, GstDeliveryResult * result)
{
  request->uri = gst_http_sink_build_uri (self, name);
  gst_http_client_send (client, request, cancellable, result);
  g_uri_unref (request->uri);

  if (result->verdict == GST_DELIVERY_PUBLISHED)
    GST_DEBUG_OBJECT (self, "%s %s: %u", request->method, name, result->status);
  else
    GST_INFO_OBJECT (self, "%s %s: %s", request->method, name, result->message);
}

static void
gst_http_sink_publish (GstDeliverySink * sink, gpointer connection, GstDeliveryObject * object,
    GCancellable * cancellable, GstDeliveryResult * result)
{
  const GstDeliveryInfo *info = gst_delivery_object_get_info (object);
  g_autofree gchar *cache_control = info->cache_control ? NULL : gst_http_default_cache_control (info);
  g_autoptr (GPtrArray) memories = g_ptr_array_new ();  /* the object keeps them */
  GstHttpRequest request = { SOUP_METHOD_PUT, };

  for (guint i = 0; i < gst_delivery_object_n_memories (object); i++)
    g_ptr_array_add (memories, gst_delivery_object_peek_memory (object, i));
  request.memories = memories;
  request.content_type = info->content_type ? info->content_type : gst_http_default_content_type (info->kind);
  request.content_encoding = info->content_encoding;
  request.cache_control = info->cache_control ? info->cache_control : cache_control;
  gst_http_sink_send (GST_HTTP_SINK (sink), connection, &request, info->name, cancellable, result);
}

static void
gst_http_sink_remove (GstDeliverySink * sink, gpointer connection, const gchar * name,
    GCancellable * cancellable, GstDeliveryResult * result)
{
  GstHttpRequest request = { SOUP_METHOD_DELETE, };

  gst_http_sink_send (GST_HTTP_SINK (sink), connection, &request, name, cancellable, result);
}

/* --- properties --- */

/* What was set, but with the values left out: they may be tokens. */
static gboolean
gst_http_sink_hide_value (GQuark field, GValue * value, gpointer user)
{
  g_value_unset (value);
  g_value_init (value, G_TYPE_STRING);
  g_value_set_static_string (value, "(set)");
  return TRUE;
}

static void
gst_http_sink_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstHttpSink *self = GST_HTTP_SINK (object);
  GstHttpSinkPrivate *priv = self->priv;

  if (id == PROP_LOCATION) {
    /* of an overridden property, what comes is the specification of the parent's */
    G_OBJECT_CLASS (parent_class)->set_property (object, pspec->param_id, value, pspec);
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_USER_AGENT:
      g_free (priv->user_agent);
      priv->user_agent = g_strdup (g_value_get_string (value) ? g_value_get_string (value) : DEFAULT_USER_AGENT);
      break;
    case PROP_EXTRA_HEADERS:
      g_clear_pointer (&priv->extra_headers, gst_structure_free);
      priv->extra_headers = g_value_dup_boxed (value);
      break;
    case PROP_TLS_CA_FILE:
      g_free (priv->tls_ca_file);
      priv->tls_ca_file = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_http_sink_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstHttpSink *self = GST_HTTP_SINK (object);
  GstHttpSinkPrivate *priv = self->priv;

  if (id == PROP_LOCATION) {
    gchar *location = gst_delivery_sink_dup_location (GST_DELIVERY_SINK (self));

    g_value_take_string (value, gst_http_location_without_query (location));
    g_free (location);
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_USER_AGENT:
      g_value_set_string (value, priv->user_agent);
      break;
    case PROP_EXTRA_HEADERS:
      g_value_set_boxed (value, priv->extra_headers);
      if (priv->extra_headers)
        gst_structure_map_in_place (g_value_get_boxed (value), gst_http_sink_hide_value, NULL);
      break;
    case PROP_TLS_CA_FILE:
      g_value_set_string (value, priv->tls_ca_file);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_http_sink_finalize (GObject * object)
{
  GstHttpSink *self = GST_HTTP_SINK (object);

  gst_http_sink_clear (self);
  g_free (self->priv->user_agent);
  g_clear_pointer (&self->priv->extra_headers, gst_structure_free);
  g_free (self->priv->tls_ca_file);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_http_sink_class_init (GstHttpSinkClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstDeliverySinkClass *sink_class = GST_DELIVERY_SINK_CLASS (klass);

  object_class->set_property = gst_http_sink_set_property;
  object_class->get_property = gst_http_sink_get_property;
  object_class->finalize = gst_http_sink_finalize;
  GST_BASE_SINK_CLASS (klass)->query = gst_http_sink_query;
  sink_class->default_connections = 4;
  sink_class->check_location = gst_http_sink_check_location;
  sink_class->open = gst_http_sink_open;
  sink_class->close = gst_http_sink_close;
  sink_class->connect = gst_http_sink_connect;
  sink_class->disconnect = gst_http_sink_disconnect;
  sink_class->publish = gst_http_sink_publish;
  sink_class->remove = gst_http_sink_remove;

  /* Reading it leaves the query out, which may be a token: properties end up in dot
   * dumps and logs. */
  g_object_class_override_property (object_class, PROP_LOCATION, "location");

  /**
   * GstHttpSink:user-agent:
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_USER_AGENT,
      g_param_spec_string ("user-agent", "User agent", "Value of the User-Agent header", DEFAULT_USER_AGENT,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  /**
   * GstHttpSink:extra-headers:
   *
   * Headers to add to every request, e.g. `headers,X-Origin-Key=abc`. Not sent to
   * another server that a request is redirected to. Reading gives the names only.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_EXTRA_HEADERS,
      g_param_spec_boxed ("extra-headers", "Extra headers",
          "Headers to add to every request; reading gives their names only", GST_TYPE_STRUCTURE,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  /**
   * GstHttpSink:tls-ca-file:
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_TLS_CA_FILE,
      g_param_spec_string ("tls-ca-file", "TLS CA file",
          "PEM file of the certificate authorities to trust (NULL: the system's)", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  gst_type_mark_as_plugin_api (GST_TYPE_HTTP_SINK, 0);
}

static void
gst_http_sink_init (GstHttpSink * self)
{
  self->priv = gst_http_sink_get_instance_private (self);
  self->priv->user_agent = g_strdup (DEFAULT_USER_AGENT);
}
