/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stream that says when it has come to its end.
 *
 * libsoup takes the end of the connection between two chunks for the end of a chunked body.
 * Whoever gathers the body asks here which of the two it was.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define TYPE_EOF_STREAM (eof_stream_get_type ())
G_DECLARE_FINAL_TYPE (EofStream, eof_stream, EOF, STREAM, GFilterInputStream)

/* @base: pollable. @witness: whom eof_stream_has_ended() asks about it. */
GInputStream *eof_stream_new (GInputStream * base, GObject * witness);
gboolean eof_stream_has_ended (GObject * witness);

G_END_DECLS
