/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Gives @server the connections that come to 127.0.0.1:@port (0: any free one), over TLS
 * with @certificate if there is one. Stopped by g_socket_service_stop() and unref.
 *
 * In place of soup_server_listen(), to see where what is read ends: listener_client_has_closed(). */
GSocketService *listener_new (SoupServer * server, guint16 port, GTlsCertificate * certificate,
    guint16 * bound_port, GError ** error);

/* The client closed its side before the end of the request that @msg is. */
gboolean listener_client_has_closed (SoupServerMessage * msg);

G_END_DECLS
