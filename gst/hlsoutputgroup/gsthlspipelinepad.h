/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gsthlspackager.h"

G_BEGIN_DECLS

#define GST_TYPE_HLS_PIPELINE_PAD (gst_hls_pipeline_pad_get_type ())
G_DECLARE_FINAL_TYPE (GstHlsPipelinePad, gst_hls_pipeline_pad, GST, HLS_PIPELINE_PAD, GstGhostPad)

/* The source pad of one pipeline of the group: carries that pipeline's settings. */
GstPad *gst_hls_pipeline_pad_new (const gchar * name, GstPadTemplate * templ, GstHlsPackager * packager);
/* (transfer none) */
GstHlsPackager *gst_hls_pipeline_pad_get_packager (GstHlsPipelinePad * self);

G_END_DECLS
