/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gsthlsobjects.h"

G_BEGIN_DECLS

#define GST_TYPE_HLS_PACKAGER (gst_hls_packager_get_type ())
G_DECLARE_FINAL_TYPE (GstHlsPackager, gst_hls_packager, GST, HLS_PACKAGER, GstElement)

/* Private to hlsoutputgroup: not registered. @pipeline is the pipeline id (0, 1). */
GstElement *gst_hls_packager_new (guint pipeline);
/* Before PAUSED. */
void gst_hls_packager_set_settings (GstHlsPackager * self, const HlsGroupSettings * settings);
/* Overrides what the sink says (pipeline of another process, appsink); NULL: ask. Before PAUSED. */
void gst_hls_packager_set_base_name (GstHlsPackager * self, const gchar * base_name);

G_END_DECLS
