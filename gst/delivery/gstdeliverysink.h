/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GstDeliverySink: the base class of every sink that publishes delivery objects.
 * It does queue, order, cache, retry, deadline, loss reports and statistics once
 * (rules 1 to 8 of docs/architecture.md); a subclass adds one way to store bytes
 * under a name.
 */
#pragma once

#include <gst/base/gstbasesink.h>
#include <gio/gio.h>
#include <gst/delivery/gstdeliveryobject.h>

G_BEGIN_DECLS

#define GST_TYPE_DELIVERY_SINK (gst_delivery_sink_get_type ())
#define GST_DELIVERY_SINK(obj) (G_TYPE_CHECK_INSTANCE_CAST ((obj), GST_TYPE_DELIVERY_SINK, GstDeliverySink))
#define GST_IS_DELIVERY_SINK(obj) (G_TYPE_CHECK_INSTANCE_TYPE ((obj), GST_TYPE_DELIVERY_SINK))
#define GST_DELIVERY_SINK_CLASS(klass) (G_TYPE_CHECK_CLASS_CAST ((klass), GST_TYPE_DELIVERY_SINK, GstDeliverySinkClass))
#define GST_DELIVERY_SINK_GET_CLASS(obj) \
    (G_TYPE_INSTANCE_GET_CLASS ((obj), GST_TYPE_DELIVERY_SINK, GstDeliverySinkClass))

typedef struct _GstDeliverySink GstDeliverySink;
typedef struct _GstDeliverySinkClass GstDeliverySinkClass;
typedef struct _GstDeliverySinkPrivate GstDeliverySinkPrivate;

/**
 * GstDeliveryVerdict:
 * @GST_DELIVERY_PUBLISHED: the destination has the whole object and said so
 * @GST_DELIVERY_FAILED: it may work another time: retried with backoff
 * @GST_DELIVERY_REFUSED: this object will never be taken: not retried, lost
 *
 * What became of one attempt. An attempt that ended because its #GCancellable
 * was cancelled is FAILED; the base class knows why it cancelled.
 */
typedef enum {
  GST_DELIVERY_PUBLISHED,
  GST_DELIVERY_FAILED,
  GST_DELIVERY_REFUSED,
} GstDeliveryVerdict;

/**
 * GstDeliveryResult:
 * @verdict: see #GstDeliveryVerdict
 * @keep_connection: the connection is in a known state and can be used again;
 *   otherwise the base class lets disconnect() and connect() run before the next
 *   attempt (rule 3: nothing of a late request may follow)
 * @free_attempt: does not count as an attempt (a dead kept-alive connection):
 *   done again at once
 * @retry_after: earliest next attempt from now, GST_CLOCK_TIME_NONE: backoff decides
 * @status: protocol status (HTTP's), 0 when there was none
 * @message: (owned) what happened, for a human, no secrets, no URL; NULL if published
 *
 * Filled by the subclass; starts zeroed, with retry_after NONE.
 */
typedef struct {
  GstDeliveryVerdict verdict;
  gboolean keep_connection;
  gboolean free_attempt;
  GstClockTime retry_after;
  guint status;
  gchar *message;
} GstDeliveryResult;

/* Fills @result; takes a printf format for the message. */
GST_DELIVERY_API void gst_delivery_result_set (GstDeliveryResult * result, GstDeliveryVerdict verdict,
    guint status, const gchar * format, ...) G_GNUC_PRINTF (4, 5);

struct _GstDeliverySink {
  GstBaseSink parent;
  GstDeliverySinkPrivate *priv;
};

/**
 * GstDeliverySinkClass:
 * @default_connections: default of the property max-connections; set in class_init
 * @check_location: any thread, element not running: is @location one that this
 *   sink can publish to? FALSE with @error (GST_RESOURCE_ERROR_SETTINGS), a
 *   message that names the value and what would be right. Optional.
 * @open: application's state change READY to PAUSED, before any worker runs: read the
 *   settings, check what can be checked without the network. FALSE with @error
 *   fails the state change with that message. Optional.
 * @close: after the last worker ended. Optional.
 * @connect: worker thread: state of one connection, e.g. a session; must not block
 *   (connecting happens in the first attempt). May return NULL. Optional.
 * @disconnect: worker thread: drops it and whatever is still on its way. Optional.
 * @publish: worker thread, may block: store all of @object under its name, whole or
 *   not at all (rule 1). Must return promptly once @cancellable is cancelled.
 * @remove: worker thread, may block: remove @name; that it is not there is success.
 *
 * Workers call publish() and remove() side by side, each with its own connection.
 */
struct _GstDeliverySinkClass {
  GstBaseSinkClass parent_class;

  guint default_connections;

  gboolean (*check_location) (GstDeliverySink * sink, const gchar * location, GError ** error);
  gboolean (*open) (GstDeliverySink * sink, GError ** error);
  void (*close) (GstDeliverySink * sink);
  gpointer (*connect) (GstDeliverySink * sink);
  void (*disconnect) (GstDeliverySink * sink, gpointer connection);
  void (*publish) (GstDeliverySink * sink, gpointer connection, GstDeliveryObject * object,
      GCancellable * cancellable, GstDeliveryResult * result);
  void (*remove) (GstDeliverySink * sink, gpointer connection, const gchar * name,
      GCancellable * cancellable, GstDeliveryResult * result);

  gpointer _gst_reserved[GST_PADDING];
};

GST_DELIVERY_API GType gst_delivery_sink_get_type (void);

/* (transfer full) (nullable) the property `location` as set. Any thread. */
GST_DELIVERY_API gchar *gst_delivery_sink_dup_location (GstDeliverySink * sink);
/* The property `timeout`: no progress for this long is a failure. Any thread. */
GST_DELIVERY_API GstClockTime gst_delivery_sink_get_timeout (GstDeliverySink * sink);

/* Splits a location at the last slash of its path: @folder keeps that slash,
 * @base_name is what follows, unescaped where @location is a URI, "index" if nothing
 * does. @location carries no query or fragment. Both (transfer full) (optional). */
GST_DELIVERY_API void gst_delivery_split_location (const gchar * location, gchar ** folder, gchar ** base_name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstDeliverySink, gst_object_unref)
G_END_DECLS
