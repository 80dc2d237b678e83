/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One worker's HTTP: a libsoup session, used from one thread, blocking. It knows nothing
 * of elements.
 */
#pragma once

#include <gst/delivery/gstdelivery.h>
#include <libsoup/soup.h>
#include "gsthttpauth.h"

G_BEGIN_DECLS

/* What the workers of a sink have in common. Read only while a client uses it, but for
 * @auth, which takes care of itself. */
typedef struct {
  gchar *user_agent;
  GTlsDatabase *tls_database;   /* NULL: the system's */
  SoupMessageHeaders *extra_headers;    /* or NULL */
  GstHttpAuth *auth;
} GstHttpConfig;

typedef struct {
  const gchar *method;          /* SOUP_METHOD_PUT or SOUP_METHOD_DELETE */
  GUri *uri;
  GPtrArray *memories;          /* of GstMemory*: the body, NULL for none */
  const gchar *content_type;
  const gchar *content_encoding;
  const gchar *cache_control;
} GstHttpRequest;

typedef struct _GstHttpClient GstHttpClient;

/* @timeout: seconds without progress until an attempt fails */
GST_HTTP_API
GstHttpClient *gst_http_client_new (const GstHttpConfig * config, guint timeout);
/* Closes its connections. */
GST_HTTP_API
void gst_http_client_free (GstHttpClient * client);

/* One attempt, redirects and challenges included; blocks. What came of it is in @result. */
GST_HTTP_API
void gst_http_client_send (GstHttpClient * client, const GstHttpRequest * request, GCancellable * cancellable,
    GstDeliveryResult * result);

/* Whether @name may be given as an extra header: FALSE with @error (of GST_RESOURCE_ERROR) for what is
 * not a header at all and for those that frame the message. */
GST_HTTP_API
gboolean gst_http_header_is_allowed (const gchar * name, const gchar * value, GError ** error);

G_END_DECLS
