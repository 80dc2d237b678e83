/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <http/gsthttpsink.h>

G_BEGIN_DECLS

/**
 * GstCdnType:
 * @GST_CDN_TYPE_BASIC_PUT: HTTP PUT and DELETE
 *
 * How the destination wants to be written to: MediaLive's HLS CDN settings.
 */
typedef enum {
  GST_CDN_TYPE_BASIC_PUT,
} GstCdnType;

#define GST_TYPE_CDN_TYPE (gst_cdn_type_get_type ())
GType gst_cdn_type_get_type (void);

#define GST_TYPE_CDN_SINK (gst_cdn_sink_get_type ())
G_DECLARE_FINAL_TYPE (GstCdnSink, gst_cdn_sink, GST, CDN_SINK, GstHttpSink)

GST_ELEMENT_REGISTER_DECLARE (cdnsink);

G_END_DECLS
