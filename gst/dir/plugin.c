/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdirsink.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  gst_delivery_init ();
  return GST_ELEMENT_REGISTER (dirsink, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, dir, "Publishes delivery objects to a directory",
    plugin_init, VERSION, GST_LICENSE, GST_PACKAGE_NAME, GST_PACKAGE_ORIGIN)
