/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is published next: order, retry, deadlines, losses (rules 2, 3, 4 and 6 of
 * docs/architecture.md). Private to libgstdelivery.
 *
 * A plain struct with no threads and no clock: the owner locks, and tells each
 * call what time it is (nanoseconds of one monotonic clock).
 */
#pragma once

#include "gstdeliveryobject.h"
#include "gstdeliverysink.h"

G_BEGIN_DECLS

/* May be changed between any two calls. */
typedef struct {
  gboolean live;
  GstClockTime cache_duration;  /* 0: one attempt for each media object */
  guint64 cache_bytes;
  GstClockTime retry_interval;
  guint num_retries;
  GstClockTime restart_delay;   /* 0: stop for good */
  GstClockTime timeout;
} GstDeliveryQueueConfig;

typedef enum {
  /* Tell upstream what was lost, and ask for a playlist again if there is one. */
  GST_DELIVERY_JOB_REPORT,
  GST_DELIVERY_JOB_PUBLISH,
  GST_DELIVERY_JOB_REMOVE,
} GstDeliveryJobType;

/* One thing for a worker to do, with no lock held. */
typedef struct {
  GstDeliveryJobType type;
  GstDeliveryObject *object;    /* owned; of a report: the playlist to ask for, or NULL */
  gchar *track;                 /* owned; of a report */
  gchar **lost;                 /* owned; of a report */
  guint64 losses;               /* of a report: the track's when it began */
  GstClockTime start;
  GstClockTime limit;           /* when to cancel; GST_CLOCK_TIME_NONE: never */
  guint epoch;                  /* connections of an earlier one are not to be used */
  gpointer entry;               /* the queue's */
} GstDeliveryJob;

void gst_delivery_job_free (GstDeliveryJob * job);

typedef struct _GstDeliveryQueue GstDeliveryQueue;

GstDeliveryQueue *gst_delivery_queue_new (const GstDeliveryQueueConfig * config);
void gst_delivery_queue_free (GstDeliveryQueue * queue);
GstDeliveryQueueConfig *gst_delivery_queue_get_config (GstDeliveryQueue * queue);

/* Takes @object. */
void gst_delivery_queue_push (GstDeliveryQueue * queue, GstDeliveryObject * object, GstClockTime now);
/* An object that never became whole: the track lost it, if it is media. */
void gst_delivery_queue_lose (GstDeliveryQueue * queue, const GstDeliveryObject * object, const gchar * reason);
/* Not live: may @object be pushed now, or must the pipeline wait? Always TRUE when live. */
gboolean gst_delivery_queue_has_room (const GstDeliveryQueue * queue, const GstDeliveryObject * object);

/* The next thing to do; NULL: nothing before *@due (NONE: until something changes). */
GstDeliveryJob *gst_delivery_queue_next (GstDeliveryQueue * queue, GstClockTime now, GstClockTime * due);
/* How a publish or remove ended. Takes @job. */
void gst_delivery_queue_finish (GstDeliveryQueue * queue, GstDeliveryJob * job, const GstDeliveryResult * result,
    GstClockTime now);
/* How a report ended. Takes @job and @playlist, the rewritten playlist; NULL: nobody
 * wrote it, and it is published as it is. */
void gst_delivery_queue_finish_report (GstDeliveryQueue * queue, GstDeliveryJob * job, GstDeliveryObject * playlist);

/* Is everything done that came in until now? Deletes count that were due at @eos. */
gboolean gst_delivery_queue_is_drained (const GstDeliveryQueue * queue, GstClockTime eos);
/* Everything but deletes is lost; what is under way may still end well. */
void gst_delivery_queue_abandon (GstDeliveryQueue * queue, const gchar * reason);
/* Attempts under way. */
guint gst_delivery_queue_in_flight (const GstDeliveryQueue * queue);

/* What the application is told, in order: "delivery-published", "delivery-lost",
 * "delivery-state". (transfer full) (nullable) */
GstStructure *gst_delivery_queue_pop_message (GstDeliveryQueue * queue);
gboolean gst_delivery_queue_has_messages (const GstDeliveryQueue * queue);
/* (transfer full) */
GstStructure *gst_delivery_queue_get_stats (const GstDeliveryQueue * queue);

G_END_DECLS
