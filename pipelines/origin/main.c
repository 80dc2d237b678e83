/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hls-origin: a small HTTP origin with two inputs, for the demo and the tests.
 */
#include <glib-unix.h>
#include <stdlib.h>

#include "auth.h"
#include "listener.h"
#include "service.h"

typedef struct {
  gint port;
  gint inputs;
  gint64 keep_bytes;
  gchar *user, *password_env, *auth, *tls_cert, *tls_key, *hls_js;
} Options;

static void
options_clear (Options * options)
{
  g_free (options->user);
  g_free (options->password_env);
  g_free (options->auth);
  g_free (options->tls_cert);
  g_free (options->tls_key);
  g_free (options->hls_js);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
bad_option (GError ** error, const gchar * option, const gchar * reason)
{
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", option, reason);
  return FALSE;
}

static gboolean
check_options (const Options * options, AuthKind * auth, const gchar ** password, GError ** error)
{
  if (options->port < 0 || options->port > 65535)
    return bad_option (error, "--port", "0 (any free one) to 65535");
  if (options->inputs < 1 || options->inputs > 16)
    return bad_option (error, "--inputs", "1 to 16");
  if (options->keep_bytes < 1)
    return bad_option (error, "--keep-bytes", "1 or more");
  if ((options->tls_cert == NULL) != (options->tls_key == NULL))
    return bad_option (error, "--tls-cert, --tls-key", "one needs the other");
  if (!auth_kind_from_string (options->auth != NULL ? options->auth : "none", auth))
    return bad_option (error, "--auth", "none, basic or digest");
  if (*auth == AUTH_NONE) {
    if (options->user != NULL || options->password_env != NULL)
      return bad_option (error, "--user, --password-env", "they need --auth basic or digest");
    return TRUE;
  }
  if (options->user == NULL || options->password_env == NULL)
    return bad_option (error, "--auth", "it needs --user and --password-env");
  *password = g_getenv (options->password_env);
  if (*password == NULL || **password == '\0')
    return bad_option (error, "--password-env", "that environment variable is not set, or empty");
  return TRUE;
}

static gboolean
parse_options (Options * options, AuthKind * auth, const gchar ** password, gint * argc, gchar *** argv,
    GError ** error)
{
  const GOptionEntry entries[] = {
    {"port", 0, 0, G_OPTION_ARG_INT, &options->port, "Port on 127.0.0.1; 0: any free one (default)", "PORT"},
    {"inputs", 0, 0, G_OPTION_ARG_INT, &options->inputs, "Inputs: /0/, /1/ ... (default 2)", "N"},
    {"keep-bytes", 0, 0, G_OPTION_ARG_INT64, &options->keep_bytes,
        "Bytes kept in memory; the oldest media go first (default 1 GiB)", "BYTES"},
    {"auth", 0, 0, G_OPTION_ARG_STRING, &options->auth, "none, basic or digest, for what writes", "KIND"},
    {"user", 0, 0, G_OPTION_ARG_STRING, &options->user, "Who may write", "ID"},
    {"password-env", 0, 0, G_OPTION_ARG_STRING, &options->password_env,
        "Environment variable that holds the password", "NAME"},
    {"tls-cert", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_cert, "Certificate chain (PEM): serve https", "FILE"},
    {"tls-key", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_key, "Its private key (PEM)", "FILE"},
    {"hls-js", 0, 0, G_OPTION_ARG_FILENAME, &options->hls_js,
        "hls.min.js for the page; without it the browser's own HLS plays", "FILE"},
    {NULL}
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Takes HLS by PUT, DELETE and MKCOL, and serves and shows it.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    return bad_option (error, (*argv)[1], "not an option");
  return check_options (options, auth, password, error);
}

/* NULL with @error. */
static GSocketService *
listen_on (SoupServer * server, const Options * options, guint16 * port, GError ** error)
{
  g_autoptr (GTlsCertificate) certificate = NULL;
  GSocketService *listener;

  if (options->tls_cert != NULL) {
    certificate = g_tls_certificate_new_from_files (options->tls_cert, options->tls_key, error);
    if (certificate == NULL) {
      g_prefix_error (error, "--tls-cert %s, --tls-key %s: ", options->tls_cert, options->tls_key);
      return NULL;
    }
  }
  listener = listener_new (server, options->port, certificate, port, error);
  if (listener == NULL)
    g_prefix_error (error, "--port %d: ", options->port);
  return listener;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static void
run_until_signal (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint signals[] = { g_unix_signal_add (SIGINT, quit, loop), g_unix_signal_add (SIGTERM, quit, loop) };

  g_main_loop_run (loop);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_source_remove (signals[i]);
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = {.inputs = 2,.keep_bytes = G_GINT64_CONSTANT (1) << 30 };
  g_autoptr (SoupServer) server = NULL;
  g_autoptr (GBytes) hls_js = NULL;
  g_autoptr (GError) error = NULL;
  GSocketService *listener;
  const gchar *password = NULL;
  Service *service;
  AuthKind auth = AUTH_NONE;
  guint16 port = 0;

  if (!parse_options (&options, &auth, &password, &argc, &argv, &error)) {
    g_printerr ("hls-origin: %s\n", error->message);
    return 2;
  }
  if (options.hls_js != NULL) {
    g_autofree gchar *text = NULL;
    gsize size;

    if (!g_file_get_contents (options.hls_js, &text, &size, &error)) {
      g_printerr ("hls-origin: --hls-js: %s\n", error->message);
      return 2;
    }
    hls_js = g_bytes_new_take (g_steal_pointer (&text), size);
  }

  server = soup_server_new ("server-header", "hls-origin ", NULL);
  service = service_new (options.inputs, options.keep_bytes, hls_js);
  service_attach (service, server);
  auth_protect (server, auth, options.user, password);
  listener = listen_on (server, &options, &port, &error);
  if (listener != NULL) {
    g_print ("listening %s://127.0.0.1:%u/\n", options.tls_cert != NULL ? "https" : "http", port);
    run_until_signal ();
    g_socket_service_stop (listener);
    g_socket_listener_close (G_SOCKET_LISTENER (listener));
  } else {
    g_printerr ("hls-origin: %s\n", error->message);
  }
  g_clear_object (&listener);
  soup_server_disconnect (server);
  g_clear_object (&server);
  service_free (service);
  return error == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
