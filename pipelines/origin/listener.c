/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "eofstream.h"

typedef struct {
  SoupServer *server;           /* outlives the service */
  GTlsCertificate *certificate;
} Listener;

/* A TLS handshake under way. */
typedef struct {
  SoupServer *server;
  GSocketAddress *local, *remote;
} Greeting;

static void
listener_free (gpointer data, GClosure * closure)
{
  Listener *listener = data;

  g_clear_object (&listener->certificate);
  g_free (listener);
}

static void
hand_over (SoupServer * server, GIOStream * stream, GSocketAddress * local, GSocketAddress * remote)
{
  /* Of a message one can ask the address of its client, but not its stream. */
  g_autoptr (GInputStream) input = eof_stream_new (g_io_stream_get_input_stream (stream), G_OBJECT (remote));
  g_autoptr (GIOStream) watched = g_simple_io_stream_new (input, g_io_stream_get_output_stream (stream));

  /* The connection closes when nothing holds it any more. */
  g_object_set_data_full (G_OBJECT (watched), "connection", g_object_ref (stream), g_object_unref);
  soup_server_accept_iostream (server, watched, local, remote, NULL);
}

static void
handshake_done (GObject * source, GAsyncResult * result, gpointer data)
{
  g_autofree Greeting *greeting = data;
  g_autoptr (SoupServer) server = greeting->server;
  g_autoptr (GSocketAddress) local = greeting->local;
  g_autoptr (GSocketAddress) remote = greeting->remote;

  /* A client that fails or will not trust us knows why; for the origin it is no event. */
  if (g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, NULL))
    hand_over (server, G_IO_STREAM (source), local, remote);
}

static gboolean
incoming (GSocketService * service, GSocketConnection * connection, GObject * origin, gpointer data)
{
  static const gchar *const protocols[] = { "http/1.1", NULL };
  Listener *listener = data;
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (connection, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (connection, NULL);
  g_autoptr (GIOStream) tls = NULL;
  Greeting *greeting;

  if (local == NULL || remote == NULL)
    return TRUE;
  /* An answer leaves in two writes: the second must not wait for the client's delayed ACK. */
  g_socket_set_option (g_socket_connection_get_socket (connection), IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  if (listener->certificate == NULL) {
    hand_over (listener->server, G_IO_STREAM (connection), local, remote);
    return TRUE;
  }

  tls = g_tls_server_connection_new (G_IO_STREAM (connection), listener->certificate, NULL);
  if (tls == NULL)
    return TRUE;
  g_tls_connection_set_advertised_protocols (G_TLS_CONNECTION (tls), protocols);
  greeting = g_new (Greeting, 1);
  greeting->server = g_object_ref (listener->server);
  greeting->local = g_steal_pointer (&local);
  greeting->remote = g_steal_pointer (&remote);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (tls), G_PRIORITY_DEFAULT, NULL, handshake_done, greeting);
  return TRUE;
}

GSocketService *
listener_new (SoupServer * server, guint16 port, GTlsCertificate * certificate, guint16 * bound_port, GError ** error)
{
  g_autoptr (GSocketService) service = g_socket_service_new ();
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr (GSocketAddress) bound = NULL;
  Listener *listener;

  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (service), address, G_SOCKET_TYPE_STREAM,
          G_SOCKET_PROTOCOL_TCP, NULL, &bound, error))
    return NULL;
  *bound_port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));

  listener = g_new (Listener, 1);
  listener->server = server;
  listener->certificate = certificate != NULL ? g_object_ref (certificate) : NULL;
  g_signal_connect_data (service, "incoming", G_CALLBACK (incoming), listener, listener_free, 0);
  return g_steal_pointer (&service);
}

gboolean
listener_client_has_closed (SoupServerMessage * msg)
{
  return eof_stream_has_ended (G_OBJECT (soup_server_message_get_remote_address (msg)));
}
