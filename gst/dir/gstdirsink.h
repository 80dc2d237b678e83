/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/delivery/gstdelivery.h>

G_BEGIN_DECLS

#define GST_TYPE_DIR_SINK (gst_dir_sink_get_type ())
G_DECLARE_FINAL_TYPE (GstDirSink, gst_dir_sink, GST, DIR_SINK, GstDeliverySink)

GST_ELEMENT_REGISTER_DECLARE (dirsink);

G_END_DECLS
