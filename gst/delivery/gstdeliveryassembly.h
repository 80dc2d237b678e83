/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fragments in, whole objects out. Private to libgstdelivery.
 *
 * One thread (the streaming thread); the objects it returns belong to any.
 */
#pragma once

#include "gstdeliveryobject.h"

G_BEGIN_DECLS

typedef struct _GstDeliveryAssembly GstDeliveryAssembly;

GstDeliveryAssembly *gst_delivery_assembly_new (void);
void gst_delivery_assembly_free (GstDeliveryAssembly * assembly);

/* Adds one fragment (takes @buffer). Three ends:
 *  - TRUE, *@object set: that object is whole;
 *  - TRUE, *@object NULL: more to come;
 *  - FALSE with @error: the fragment cannot be right. *@object, where set, is what
 *    was dropped with it (for its info only); further fragments of it are ignored.
 * @max_open bounds the bytes of all objects that are not whole yet. */
gboolean gst_delivery_assembly_add (GstDeliveryAssembly * assembly, GstBuffer * buffer, guint64 max_open,
    GstDeliveryObject ** object, GError ** error);

/* Removes one object that is not whole: any of @track, of any track where NULL.
 * NULL: there is none. (transfer full), for its info only. */
GstDeliveryObject *gst_delivery_assembly_take_open (GstDeliveryAssembly * assembly, const gchar * track);

/* An object that came whole in one buffer (takes @buffer). NULL with @error. */
GstDeliveryObject *gst_delivery_object_new_whole (GstBuffer * buffer, GError ** error);

G_END_DECLS
