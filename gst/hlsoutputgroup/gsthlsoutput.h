/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HLS_OUTPUT (gst_hls_output_get_type ())
G_DECLARE_FINAL_TYPE (GstHlsOutput, gst_hls_output, GST, HLS_OUTPUT, GstObject)

/* The settings of one output (one media playlist): a GstChildProxy child of
 * hlsoutputgroup under the output's name. */
GstHlsOutput *gst_hls_output_new (const gchar * name);

/* What names are made of, as set, or the default; free with g_free(). Any thread. */
gchar *gst_hls_output_dup_name_modifier (GstHlsOutput * self);
gchar *gst_hls_output_dup_segment_modifier (GstHlsOutput * self);

G_END_DECLS
