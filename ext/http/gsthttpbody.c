/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request body read from GstMemories, see gsthttpbody.h.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include "gsthttpbody.h"

/* libsoup reads 8 KiB at a time; looking at the socket each time would be a system call
 * for each of them. */
#define ANSWER_CHECK_INTERVAL (64 * 1024)

struct _GstHttpBody
{
  GInputStream parent;

  GPtrArray *memories;
  guint64 size;
  guint64 sent;

  guint index;                  /* of the memory that is mapped, or comes next */
  gsize offset;                 /* in it */
  gboolean mapped;
  GstMapInfo map;

  GstHttpBodyAnswered answered;
  gpointer user;
  guint64 next_check;
  gboolean cut;
};

G_DEFINE_FINAL_TYPE (GstHttpBody, gst_http_body, G_TYPE_INPUT_STREAM);

static void
gst_http_body_unmap (GstHttpBody * self)
{
  if (self->mapped)
    gst_memory_unmap (g_ptr_array_index (self->memories, self->index), &self->map);
  self->mapped = FALSE;
}

static gboolean
gst_http_body_is_cut (GstHttpBody * self)
{
  if (!self->cut && self->answered && self->sent >= self->next_check) {
    self->next_check = self->sent + ANSWER_CHECK_INTERVAL;
    self->cut = self->answered (self->user);
  }
  return self->cut;
}

static gssize
gst_http_body_read (GInputStream * stream, void *buffer, gsize count, GCancellable * cancellable, GError ** error)
{
  GstHttpBody *self = GST_HTTP_BODY (stream);
  gsize done = 0;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;
  if (gst_http_body_is_cut (self))
    return 0;

  while (done < count && self->index < self->memories->len) {
    gsize n;

    if (!self->mapped) {
      if (!gst_memory_map (g_ptr_array_index (self->memories, self->index), &self->map, GST_MAP_READ)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "memory %u of the object cannot be read", self->index);
        return -1;
      }
      self->mapped = TRUE;
    }
    n = MIN (count - done, self->map.size - self->offset);
    if (n > 0)
      memcpy ((guint8 *) buffer + done, self->map.data + self->offset, n);
    done += n;
    self->offset += n;
    if (self->offset == self->map.size) {
      gst_http_body_unmap (self);
      self->index++;
      self->offset = 0;
    }
  }
  self->sent += done;
  return done;
}

static gboolean
gst_http_body_close (GInputStream * stream, GCancellable * cancellable, GError ** error)
{
  gst_http_body_unmap (GST_HTTP_BODY (stream));
  return TRUE;
}

static void
gst_http_body_finalize (GObject * object)
{
  GstHttpBody *self = GST_HTTP_BODY (object);

  gst_http_body_unmap (self);
  g_ptr_array_unref (self->memories);
  G_OBJECT_CLASS (gst_http_body_parent_class)->finalize (object);
}

static void
gst_http_body_class_init (GstHttpBodyClass * klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_http_body_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = gst_http_body_read;
  G_INPUT_STREAM_CLASS (klass)->close_fn = gst_http_body_close;
}

static void
gst_http_body_init (GstHttpBody * self)
{
}

GInputStream *
gst_http_body_new (GPtrArray * memories, GstHttpBodyAnswered answered, gpointer user)
{
  GstHttpBody *self = g_object_new (GST_TYPE_HTTP_BODY, NULL);

  self->memories = g_ptr_array_ref (memories);
  self->size = gst_http_body_size (memories);
  self->answered = answered;
  self->user = user;
  self->next_check = ANSWER_CHECK_INTERVAL;
  return G_INPUT_STREAM (self);
}

gboolean
gst_http_body_is_complete (GstHttpBody * self)
{
  return self->sent == self->size;
}

guint64
gst_http_body_get_sent (GstHttpBody * self)
{
  return self->sent;
}

guint64
gst_http_body_size (GPtrArray * memories)
{
  guint64 size = 0;

  for (guint i = 0; i < memories->len; i++)
    size += gst_memory_get_sizes (g_ptr_array_index (memories, i), NULL, NULL);
  return size;
}
