/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters of a sink and its playlists' publish latencies. Private to
 * libgstdelivery; the owner locks.
 */
#pragma once

#include "gstdeliveryobject.h"

G_BEGIN_DECLS

/* Percentiles are over this many playlists. */
#define GST_DELIVERY_STATS_WINDOW 1024

typedef struct {
  guint64 objects_published, segments_published, playlists_published, bytes_published;
  guint64 retries, lost, deleted;
  guint64 n_latencies;
  GstClockTime latencies[GST_DELIVERY_STATS_WINDOW];
} GstDeliveryStats;

void gst_delivery_stats_published (GstDeliveryStats * stats, GstDeliveryKind kind, guint64 bytes, GstClockTime latency);
/* "delivery-stats" with everything this file knows. (transfer full) */
GstStructure *gst_delivery_stats_to_structure (const GstDeliveryStats * stats);

G_END_DECLS
