/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GstHttpSink: publishes delivery objects over HTTP. A subclass says which kind of
 * server it is.
 */
#pragma once

#include <gst/delivery/gstdelivery.h>
#include "gsthttp-api.h"

G_BEGIN_DECLS

#define GST_TYPE_HTTP_SINK (gst_http_sink_get_type ())
#define GST_HTTP_SINK(obj) (G_TYPE_CHECK_INSTANCE_CAST ((obj), GST_TYPE_HTTP_SINK, GstHttpSink))
#define GST_IS_HTTP_SINK(obj) (G_TYPE_CHECK_INSTANCE_TYPE ((obj), GST_TYPE_HTTP_SINK))

typedef struct _GstHttpSink GstHttpSink;
typedef struct _GstHttpSinkClass GstHttpSinkClass;
typedef struct _GstHttpSinkPrivate GstHttpSinkPrivate;

struct _GstHttpSink {
  GstDeliverySink parent;
  GstHttpSinkPrivate *priv;
};

struct _GstHttpSinkClass {
  GstDeliverySinkClass parent_class;
  gpointer _gst_reserved[GST_PADDING];
};

GST_HTTP_API
GType gst_http_sink_get_type (void);

/* In a subclass's open(), before it calls its parent's: what to answer a challenge with.
 * NULL @user: nothing. */
GST_HTTP_API
void gst_http_sink_set_credentials (GstHttpSink * self, const gchar * user, const gchar * password);

/* A location as it may be shown: without its query, which may hold a token. (transfer full) */
GST_HTTP_API
gchar *gst_http_location_without_query (const gchar * location);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstHttpSink, gst_object_unref)
G_END_DECLS
