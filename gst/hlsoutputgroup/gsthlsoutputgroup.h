/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HLS_OUTPUT_GROUP (gst_hls_output_group_get_type ())
G_DECLARE_FINAL_TYPE (GstHlsOutputGroup, gst_hls_output_group, GST, HLS_OUTPUT_GROUP, GstBin)

GST_ELEMENT_REGISTER_DECLARE (hlsoutputgroup);

G_END_DECLS
