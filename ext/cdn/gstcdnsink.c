/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-cdnsink
 * @title: cdnsink
 * @see_also: hlsoutputgroup
 *
 * Publishes delivery objects (segments, playlists) to an HTTP server: PUT for each
 * object, DELETE for what is no longer needed. The last component of #GstCdnSink:location
 * is the base name of what is published: `https://host/live/curling` gives
 * `/live/curling.m3u8`. A query in the location goes with every request.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -e hlsoutputgroup name=hls \
 *     hls.src_0 ! cdnsink location=https://origin.example/live/curling user-id=a user-pw=env:ORIGIN_PW \
 *     videotestsrc is-live=true ! x264enc key-int-max=60 ! h264parse ! hls.video_high
 * ]|
 * Publishes a test picture. The password comes from the environment.
 *
 * Since: 1.0
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include "gstcdnsink.h"
#include <http/gsthttpauth.h>

GST_DEBUG_CATEGORY_STATIC (gst_cdn_sink_debug);
#define GST_CAT_DEFAULT gst_cdn_sink_debug

enum
{
  PROP_0,
  PROP_CDN_TYPE,
  PROP_USER_ID,
  PROP_USER_PW,
};

#define DEFAULT_CDN_TYPE GST_CDN_TYPE_BASIC_PUT

struct _GstCdnSink
{
  GstHttpSink parent;

  /* Settings, under the object lock. */
  GstCdnType cdn_type;
  gchar *user_id;
  gchar *user_pw;
};

static void gst_cdn_sink_uri_handler_init (gpointer iface, gpointer data);

#define gst_cdn_sink_parent_class parent_class
G_DEFINE_FINAL_TYPE_WITH_CODE (GstCdnSink, gst_cdn_sink, GST_TYPE_HTTP_SINK,
    G_IMPLEMENT_INTERFACE (GST_TYPE_URI_HANDLER, gst_cdn_sink_uri_handler_init)
    GST_DEBUG_CATEGORY_INIT (gst_cdn_sink_debug, "cdnsink", 0, "publishing to a CDN"));
GST_ELEMENT_REGISTER_DEFINE (cdnsink, "cdnsink", GST_RANK_SECONDARY, GST_TYPE_CDN_SINK);

GType
gst_cdn_type_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_CDN_TYPE_BASIC_PUT, "HTTP PUT and DELETE", "basic-put"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCdnType", values));
  return type;
}

static gboolean
gst_cdn_sink_open (GstDeliverySink * sink, GError ** error)
{
  GstCdnSink *self = GST_CDN_SINK (sink);
  gchar *user, *value, *password = NULL;
  gboolean ok = FALSE;

  GST_OBJECT_LOCK (self);
  user = g_strdup (self->user_id);
  value = g_strdup (self->user_pw);
  GST_OBJECT_UNLOCK (self);

  if ((user != NULL) != (value != NULL)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "%s is set, but %s is not; set both or neither", user ? "user-id" : "user-pw", user ? "user-pw" : "user-id");
    goto out;
  }
  if (user != NULL && strchr (user, ':') != NULL) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "user-id holds a colon, which ends a user name in HTTP; give the password as user-pw");
    goto out;
  }
  if (value != NULL && (password = gst_http_resolve_secret ("user-pw", value, error)) == NULL)
    goto out;

  gst_http_sink_set_credentials (GST_HTTP_SINK (self), user, password);
  ok = GST_DELIVERY_SINK_CLASS (parent_class)->open (sink, error);

out:
  gst_http_free_secret (password);
  gst_http_free_secret (value);
  g_free (user);
  return ok;
}

static void
gst_cdn_sink_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstCdnSink *self = GST_CDN_SINK (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_CDN_TYPE:
      self->cdn_type = g_value_get_enum (value);
      break;
    case PROP_USER_ID:
      g_free (self->user_id);
      self->user_id = g_value_dup_string (value);
      break;
    case PROP_USER_PW:
      gst_http_free_secret (self->user_pw);
      self->user_pw = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cdn_sink_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstCdnSink *self = GST_CDN_SINK (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_CDN_TYPE:
      g_value_set_enum (value, self->cdn_type);
      break;
    case PROP_USER_ID:
      g_value_set_string (value, self->user_id);
      break;
    case PROP_USER_PW:         /* a secret */
      g_value_set_string (value, NULL);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cdn_sink_finalize (GObject * object)
{
  GstCdnSink *self = GST_CDN_SINK (object);

  g_free (self->user_id);
  gst_http_free_secret (self->user_pw);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_cdn_sink_class_init (GstCdnSinkClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = gst_cdn_sink_set_property;
  object_class->get_property = gst_cdn_sink_get_property;
  object_class->finalize = gst_cdn_sink_finalize;
  GST_DELIVERY_SINK_CLASS (klass)->open = gst_cdn_sink_open;

  /**
   * GstCdnSink:cdn-type:
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_CDN_TYPE,
      g_param_spec_enum ("cdn-type", "CDN type", "How the destination wants to be written to", GST_TYPE_CDN_TYPE,
          DEFAULT_CDN_TYPE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  /**
   * GstCdnSink:user-id:
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_USER_ID,
      g_param_spec_string ("user-id", "User id", "User name for Basic or Digest authentication", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  /**
   * GstCdnSink:user-pw:
   *
   * The password itself, `env:NAME` for the environment variable NAME, or `file:PATH` for
   * the contents of a file (less one line end). Looked up when the element goes to PAUSED.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_USER_PW,
      g_param_spec_string ("user-pw", "Password",
          "Password: itself, env:NAME or file:PATH; reading always gives NULL", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "CDN sink", "Sink/Network",
      "Publishes delivery objects to an HTTP server", "gst-output-groups developers");
  gst_type_mark_as_plugin_api (GST_TYPE_CDN_TYPE, 0);
}

static void
gst_cdn_sink_init (GstCdnSink * self)
{
  self->cdn_type = DEFAULT_CDN_TYPE;
}

/* --- GstURIHandler --- */

static GstURIType
gst_cdn_sink_uri_get_type (GType type)
{
  return GST_URI_SINK;
}

static const gchar *const *
gst_cdn_sink_uri_get_protocols (GType type)
{
  static const gchar *protocols[] = { "http", "https", NULL };

  return protocols;
}

static gchar *
gst_cdn_sink_uri_get_uri (GstURIHandler * handler)
{
  gchar *uri;

  g_object_get (handler, "location", &uri, NULL);
  return uri;
}

static gboolean
gst_cdn_sink_uri_set_uri (GstURIHandler * handler, const gchar * uri, GError ** error)
{
  GstDeliverySink *sink = GST_DELIVERY_SINK (handler);
  GError *why = NULL;

  if (GST_STATE (handler) > GST_STATE_READY) {
    g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE, "the URI of %s can only be set in NULL or READY",
        GST_OBJECT_NAME (handler));
    return FALSE;
  }
  if (!GST_DELIVERY_SINK_GET_CLASS (sink)->check_location (sink, uri, &why)) {
    g_set_error_literal (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI, why->message);
    g_error_free (why);
    return FALSE;
  }
  g_object_set (sink, "location", uri, NULL);
  return TRUE;
}

static void
gst_cdn_sink_uri_handler_init (gpointer iface, gpointer data)
{
  GstURIHandlerInterface *handler = iface;

  handler->get_type = gst_cdn_sink_uri_get_type;
  handler->get_protocols = gst_cdn_sink_uri_get_protocols;
  handler->get_uri = gst_cdn_sink_uri_get_uri;
  handler->set_uri = gst_cdn_sink_uri_set_uri;
}
