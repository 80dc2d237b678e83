/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdeliverystats.h"

#include <stdlib.h>

void
gst_delivery_stats_published (GstDeliveryStats * stats, GstDeliveryKind kind, guint64 bytes, GstClockTime latency)
{
  stats->objects_published++;
  stats->bytes_published += bytes;
  if (kind == GST_DELIVERY_KIND_SEGMENT)
    stats->segments_published++;
  if (GST_DELIVERY_KIND_IS_PLAYLIST (kind)) {
    stats->playlists_published++;
    stats->latencies[stats->n_latencies++ % GST_DELIVERY_STATS_WINDOW] = latency;
  }
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  GstClockTime x = *(const GstClockTime *) a, y = *(const GstClockTime *) b;

  return (x > y) - (x < y);
}

GstStructure *
gst_delivery_stats_to_structure (const GstDeliveryStats * stats)
{
  gsize n = MIN (stats->n_latencies, GST_DELIVERY_STATS_WINDOW);
  GstClockTime last = 0, p50 = 0, p99 = 0;

  if (n > 0) {
    g_autofree GstClockTime *sorted = g_memdup2 (stats->latencies, n * sizeof (GstClockTime));

    last = stats->latencies[(stats->n_latencies - 1) % GST_DELIVERY_STATS_WINDOW];
    qsort (sorted, n, sizeof (GstClockTime), compare_times);
    /* nearest rank: the smallest value that at least so many percent do not exceed */
    p50 = sorted[(n * 50 + 99) / 100 - 1];
    p99 = sorted[(n * 99 + 99) / 100 - 1];
  }
  return gst_structure_new ("delivery-stats",
      "objects-published", G_TYPE_UINT64, stats->objects_published,
      "segments-published", G_TYPE_UINT64, stats->segments_published,
      "playlists-published", G_TYPE_UINT64, stats->playlists_published,
      "bytes-published", G_TYPE_UINT64, stats->bytes_published,
      "retries", G_TYPE_UINT64, stats->retries,
      "lost", G_TYPE_UINT64, stats->lost,
      "deleted", G_TYPE_UINT64, stats->deleted,
      "latency-last", G_TYPE_UINT64, last,
      "latency-p50", G_TYPE_UINT64, p50, "latency-p99", G_TYPE_UINT64, p99, NULL);
}
