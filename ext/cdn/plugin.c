/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstcdnsink.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  gst_delivery_init ();
  return GST_ELEMENT_REGISTER (cdnsink, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, cdn,
    "Publishes HLS to CDNs and origins over HTTP", plugin_init, VERSION, GST_LICENSE, GST_PACKAGE_NAME,
    GST_PACKAGE_ORIGIN)
