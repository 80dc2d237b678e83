/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gsthlsobjects.h"
#include "gsthlsoutput.h"

G_BEGIN_DECLS

#define GST_TYPE_HLS_SEGMENTER (gst_hls_segmenter_get_type ())
G_DECLARE_FINAL_TYPE (GstHlsSegmenter, gst_hls_segmenter, GST, HLS_SEGMENTER, GstElement)

/* Private to hlsoutputgroup: not registered. Encoded streams in, one stream of
 * unnamed segments out, muxed once for every pipeline. */
GstElement *gst_hls_segmenter_new (void);
/* Before PAUSED. */
void gst_hls_segmenter_set_settings (GstHlsSegmenter * self, const HlsGroupSettings * settings);
/* A sink pad for one stream of @output; in any state. (transfer none); released with
 * gst_element_release_request_pad(). */
GstPad *gst_hls_segmenter_add_input (GstHlsSegmenter * self, GstHlsOutput * output,
    gboolean video, const gchar * pad_name);

G_END_DECLS
