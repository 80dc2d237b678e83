/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gio/gio.h>
#include "gsthttp-api.h"

G_BEGIN_DECLS

#define GST_TYPE_HTTP_BODY (gst_http_body_get_type ())
GST_HTTP_API
G_DECLARE_FINAL_TYPE (GstHttpBody, gst_http_body, GST, HTTP_BODY, GInputStream)

/* Asked now and then while the body is read: has the server answered already? */
typedef gboolean (*GstHttpBodyAnswered) (gpointer user);

/* The bytes of @memories (of GstMemory*), one after the other. Nothing is merged; the
 * only copy is the one into the reader's buffer. Not seekable: libsoup closes and drops
 * a request's body when it sends the request again, so that each sending needs a new one.
 * Once @answered (optional) says yes, the stream ends where it is. */
GST_HTTP_API
GInputStream *gst_http_body_new (GPtrArray * memories, GstHttpBodyAnswered answered, gpointer user);

/* All bytes were read. */
GST_HTTP_API
gboolean gst_http_body_is_complete (GstHttpBody * self);
/* How many bytes were read. */
GST_HTTP_API
guint64 gst_http_body_get_sent (GstHttpBody * self);

GST_HTTP_API
guint64 gst_http_body_size (GPtrArray * memories);

G_END_DECLS
