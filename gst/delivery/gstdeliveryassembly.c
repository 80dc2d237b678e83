/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdeliveryassembly.h"

#include <string.h>

/* Strings of @info are those of the buffers' metas, which @buffers keeps. */
struct _GstDeliveryObject {
  gint refcount;
  GstDeliveryInfo info;
  guint64 size;
  GPtrArray *buffers;
  GPtrArray *memories;          /* borrowed from @buffers */
};

struct _GstDeliveryAssembly {
  GHashTable *open;             /* name: GstDeliveryObject; the name is its info's */
  GHashTable *broken;           /* names whose fragments are ignored until their MARKER */
  guint64 open_bytes;
};

/* --- the object --- */

static GstDeliveryObject *
object_new (void)
{
  GstDeliveryObject *object = g_new0 (GstDeliveryObject, 1);

  object->refcount = 1;
  object->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  object->memories = g_ptr_array_new ();
  return object;
}

GstDeliveryObject *
gst_delivery_object_ref (GstDeliveryObject * object)
{
  g_atomic_int_inc (&object->refcount);
  return object;
}

void
gst_delivery_object_unref (GstDeliveryObject * object)
{
  if (!g_atomic_int_dec_and_test (&object->refcount))
    return;
  g_ptr_array_unref (object->memories);
  g_ptr_array_unref (object->buffers);
  g_free (object);
}

const GstDeliveryInfo *
gst_delivery_object_get_info (const GstDeliveryObject * object)
{
  return &object->info;
}

guint64
gst_delivery_object_get_size (const GstDeliveryObject * object)
{
  return object->size;
}

guint
gst_delivery_object_n_memories (const GstDeliveryObject * object)
{
  return object->memories->len;
}

GstMemory *
gst_delivery_object_peek_memory (const GstDeliveryObject * object, guint index)
{
  g_return_val_if_fail (index < object->memories->len, NULL);

  return g_ptr_array_index (object->memories, index);
}

/* Takes @buffer. What only the last fragment knows (duration, size) replaces what the
 * first said; what it leaves out stays. */
static void
object_append (GstDeliveryObject * object, GstBuffer * buffer, const GstDeliveryInfo * info)
{
  guint i, n = gst_buffer_n_memory (buffer);

  if (object->buffers->len == 0) {
    object->info = *info;
  } else {
    if (info->content_type)
      object->info.content_type = info->content_type;
    if (info->cache_control)
      object->info.cache_control = info->cache_control;
    if (info->content_encoding)
      object->info.content_encoding = info->content_encoding;
    if (GST_CLOCK_TIME_IS_VALID (info->duration))
      object->info.duration = info->duration;
    if (info->size != GST_DELIVERY_SIZE_UNKNOWN)
      object->info.size = info->size;
    if (info->created)
      object->info.created = info->created;
    object->info.losses = info->losses;
  }
  g_ptr_array_add (object->buffers, buffer);
  for (i = 0; i < n; i++) {
    GstMemory *memory = gst_buffer_peek_memory (buffer, i);

    if (memory->size > 0)
      g_ptr_array_add (object->memories, memory);
    object->size += memory->size;
  }
}

/* What is wrong with @buffer as the next fragment of @object (NULL: as its first)? */
static gboolean
check_fragment (const GstDeliveryObject * object, GstBuffer * buffer, const GstDeliveryInfo * info, GError ** error)
{
  guint64 expected = object ? object->size : 0;
  guint64 size = gst_buffer_get_size (buffer);
  guint64 total = info->size;
  gboolean last = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER);

  if (total == GST_DELIVERY_SIZE_UNKNOWN && object)
    total = object->info.size;

  if (object && (object->info.kind != info->kind || object->info.sequence != info->sequence
          || strcmp (object->info.track, info->track) != 0)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "fragments of \"%s\" disagree on its kind, track or sequence", info->name);
    return FALSE;
  }
  if (!GST_BUFFER_OFFSET_IS_VALID (buffer)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "fragment of \"%s\" has no offset, must be %" G_GUINT64_FORMAT, info->name, expected);
    return FALSE;
  }
  if (GST_BUFFER_OFFSET (buffer) != expected) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "fragment of \"%s\" has offset %" G_GUINT64_FORMAT ", must be %" G_GUINT64_FORMAT ": %s", info->name,
        GST_BUFFER_OFFSET (buffer), expected, GST_BUFFER_OFFSET (buffer) > expected ? "a hole" : "an overlap");
    return FALSE;
  }
  if (total != GST_DELIVERY_SIZE_UNKNOWN && (expected + size > total || (last && expected + size != total))) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "\"%s\" has %" G_GUINT64_FORMAT " bytes%s, its meta says %" G_GUINT64_FORMAT, info->name,
        expected + size, last ? "" : " or more", total);
    return FALSE;
  }
  if (last && expected + size == 0 && GST_DELIVERY_KIND_IS_PLAYLIST (info->kind)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "playlist \"%s\" is empty", info->name);
    return FALSE;
  }
  return TRUE;
}

GstDeliveryObject *
gst_delivery_object_new_whole (GstBuffer * buffer, GError ** error)
{
  GstDeliveryObject *object;
  GstDeliveryInfo info;

  if (!gst_delivery_buffer_get_info (buffer, FALSE, &info, error) || !check_fragment (NULL, buffer, &info, error)) {
    gst_buffer_unref (buffer);
    return NULL;
  }
  if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "\"%s\" must come whole in one buffer, but the buffer has no MARKER", info.name);
    gst_buffer_unref (buffer);
    return NULL;
  }
  object = object_new ();
  object_append (object, buffer, &info);
  return object;
}

/* --- the assembly --- */

GstDeliveryAssembly *
gst_delivery_assembly_new (void)
{
  GstDeliveryAssembly *assembly = g_new0 (GstDeliveryAssembly, 1);

  assembly->open = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) gst_delivery_object_unref);
  assembly->broken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return assembly;
}

void
gst_delivery_assembly_free (GstDeliveryAssembly * assembly)
{
  g_hash_table_unref (assembly->open);
  g_hash_table_unref (assembly->broken);
  g_free (assembly);
}

static GstDeliveryObject *
steal_open (GstDeliveryAssembly * assembly, const gchar * name)
{
  GstDeliveryObject *object = g_hash_table_lookup (assembly->open, name);

  if (object) {
    g_hash_table_steal (assembly->open, name);
    assembly->open_bytes -= object->size;
  }
  return object;
}

gboolean
gst_delivery_assembly_add (GstDeliveryAssembly * assembly, GstBuffer * buffer, guint64 max_open,
    GstDeliveryObject ** object, GError ** error)
{
  GstDeliveryObject *open;
  GstDeliveryInfo info;
  guint64 size = gst_buffer_get_size (buffer);
  gboolean last = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER);

  *object = NULL;
  if (!gst_delivery_buffer_get_info (buffer, FALSE, &info, error)) {
    gst_buffer_unref (buffer);
    return FALSE;
  }

  if (g_hash_table_contains (assembly->broken, info.name)) {
    gboolean restarts = GST_BUFFER_OFFSET (buffer) == 0;

    if (last || restarts)
      g_hash_table_remove (assembly->broken, info.name);
    if (!restarts) {
      gst_buffer_unref (buffer);
      return TRUE;
    }
  }

  open = steal_open (assembly, info.name);
  if (!check_fragment (open, buffer, &info, error))
    goto broken;
  if (!last && assembly->open_bytes + (open ? open->size : 0) + size > max_open) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "\"%s\" and what else is not whole yet is larger than cache-bytes, %" G_GUINT64_FORMAT, info.name, max_open);
    goto broken;
  }

  if (!open)
    open = object_new ();
  object_append (open, buffer, &info);
  if (last) {
    *object = open;
  } else {
    assembly->open_bytes += open->size;
    g_hash_table_insert (assembly->open, (gpointer) open->info.name, open);
  }
  return TRUE;

broken:
  if (!last)
    g_hash_table_add (assembly->broken, g_strdup (info.name));
  if (!open) {
    open = object_new ();
    object_append (open, buffer, &info);
  } else {
    gst_buffer_unref (buffer);
  }
  *object = open;
  return FALSE;
}

GstDeliveryObject *
gst_delivery_assembly_take_open (GstDeliveryAssembly * assembly, const gchar * track)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, assembly->open);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    GstDeliveryObject *object = value;

    if (track && strcmp (object->info.track, track) != 0)
      continue;
    g_hash_table_iter_steal (&iter);
    assembly->open_bytes -= object->size;
    g_hash_table_add (assembly->broken, g_strdup (object->info.name));
    return object;
  }
  return NULL;
}
