/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What GstDeliverySink and its worker threads share. Private to libgstdelivery.
 */
#pragma once

#include "gstdeliverysink.h"
#include "gstdeliveryassembly.h"
#include "gstdeliveryqueue.h"

G_BEGIN_DECLS

struct _GstDeliverySinkPrivate {
  GMutex lock;                  /* never held across a push, query, message or vfunc */
  GCond work;                   /* workers: there may be something to do */
  GCond progress;               /* streaming thread: something ended */

  /* under the lock */
  gchar *location;
  guint max_connections;
  GstClockTime drain_timeout;
  GstDeliveryQueueConfig config;
  GstDeliveryQueue *queue;      /* from READY to PAUSED and back */
  GPtrArray *workers;           /* Worker; the array changes only while none runs */
  gboolean stopping, flushing, unlocked;
  gboolean posting;             /* one thread posts messages, so that they keep their order */
  gboolean unanswered_said;
  GstClockTime warned_at;       /* last warning of a loss; NONE: none yet */
  guint unsaid_losses;
  GstStructure *last_stats;     /* of the last run */

  /* streaming thread */
  GstDeliveryAssembly *assembly;
  gboolean asked_live;
};

GstClockTime gst_delivery_sink_now (void);

/* Starts the workers; FALSE with @error leaves none. */
gboolean gst_delivery_workers_start (GstDeliverySink * self, GError ** error);
/* Ends every attempt under way. Without the lock. */
void gst_delivery_workers_cancel (GstDeliverySink * self);
/* Waits until the workers ended: `stopping` is set. */
void gst_delivery_workers_join (GstDeliverySink * self);

/* Posts what the queue has to say. With the lock, which it gives back in between.
 * FALSE: it did not, nothing was to be posted or another thread does. */
gboolean gst_delivery_sink_post_messages (GstDeliverySink * self);
/* Posts how many losses were not warned of one by one. With the lock, as above. */
void gst_delivery_sink_post_unsaid_losses (GstDeliverySink * self);

G_END_DECLS
