/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "eofstream.h"

#define ENDED "eof-stream-ended"

struct _EofStream {
  GFilterInputStream parent;
  GObject *witness;
};

static void eof_stream_pollable_init (GPollableInputStreamInterface * iface);

G_DEFINE_TYPE_WITH_CODE (EofStream, eof_stream, G_TYPE_FILTER_INPUT_STREAM,
    G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, eof_stream_pollable_init));

static GInputStream *
base_of (gpointer self)
{
  return g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (self));
}

static gssize
note_end (EofStream * self, gssize got, gsize count)
{
  if (got == 0 && count > 0)
    g_object_set_data (self->witness, ENDED, self->witness);
  return got;
}

static gssize
eof_stream_read (GInputStream * stream, void *buffer, gsize count, GCancellable * cancellable, GError ** error)
{
  gssize got = g_input_stream_read (base_of (stream), buffer, count, cancellable, error);

  return note_end (EOF_STREAM (stream), got, count);
}

static gssize
eof_stream_read_nonblocking (GPollableInputStream * stream, void *buffer, gsize count, GError ** error)
{
  gssize got = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (base_of (stream)), buffer, count,
      NULL, error);

  return note_end (EOF_STREAM (stream), got, count);
}

static gboolean
eof_stream_is_readable (GPollableInputStream * stream)
{
  return g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (base_of (stream)));
}

static GSource *
eof_stream_create_source (GPollableInputStream * stream, GCancellable * cancellable)
{
  g_autoptr (GSource) base =
      g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (base_of (stream)), cancellable);

  return g_pollable_source_new_full (stream, base, cancellable);
}

static void
eof_stream_pollable_init (GPollableInputStreamInterface * iface)
{
  iface->is_readable = eof_stream_is_readable;
  iface->create_source = eof_stream_create_source;
  iface->read_nonblocking = eof_stream_read_nonblocking;
}

static void
eof_stream_finalize (GObject * object)
{
  g_object_unref (EOF_STREAM (object)->witness);
  G_OBJECT_CLASS (eof_stream_parent_class)->finalize (object);
}

static void
eof_stream_class_init (EofStreamClass * klass)
{
  G_OBJECT_CLASS (klass)->finalize = eof_stream_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = eof_stream_read;
}

static void
eof_stream_init (EofStream * self)
{
}

GInputStream *
eof_stream_new (GInputStream * base, GObject * witness)
{
  EofStream *self = g_object_new (TYPE_EOF_STREAM, "base-stream", base, NULL);

  self->witness = g_object_ref (witness);
  return G_INPUT_STREAM (self);
}

gboolean
eof_stream_has_ended (GObject * witness)
{
  return g_object_get_data (witness, ENDED) != NULL;
}
