/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative references: RFC 9110 (HTTP Semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2).
 *
 * libsoup's blocking API: with its asynchronous one an upload advances 8 KiB per main
 * loop turn, at ten times the CPU. What libsoup 3.2 does not do by itself is said where
 * it is mended below.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gsthttpclient.h"
#include "gsthttpbody.h"
#include "gsthttpstatus.h"

#define MAX_REDIRECTS 5
/* An answer to a PUT is a line of text. What is longer is not read to its end: a new
 * connection is cheaper. */
#define MAX_ANSWER_BODY (64 * 1024)

struct _GstHttpClient
{
  const GstHttpConfig *config;
  SoupSession *session;
  gboolean primed;

  GMutex lock;                  /* fd: set by the worker, used by whoever cancels */
  int fd;                       /* duplicate of the newest connection's socket, or -1 */
};

/* State of one request while libsoup has it. */
typedef struct {
  GstHttpClient *client;
  const GstHttpRequest *request;
  SoupMessage *msg;
  GstHttpBody *body;            /* of the newest sending, or NULL */
  gboolean trusted;             /* the server may see credentials */
  gboolean plain;               /* HTTP/1.1 on a bare socket */
  gboolean asked;               /* for credentials that can be given */
  gboolean answered;
  GTlsCertificateFlags tls_errors;
} GstHttpAttempt;

/* --- connection --- */

static void
gst_http_client_set_fd (GstHttpClient * client, int fd)
{
  g_mutex_lock (&client->lock);
  if (client->fd >= 0)
    close (client->fd);
  client->fd = fd;
  g_mutex_unlock (&client->lock);
}

/* libsoup writes a HTTP/2 request's body without looking at the cancellable. Shutting the
 * socket down ends that, and whatever else waits for it. A duplicate of the descriptor
 * is used because libsoup may close its own at the same time, and the number may be
 * somebody else's file by then. (libsoup 3.2 then says on stderr that it frees a HTTP/2
 * connection while connected; it closes it all the same.) */
static void
on_cancelled (GCancellable * cancellable, GstHttpClient * client)
{
  g_mutex_lock (&client->lock);
  if (client->fd >= 0)
    shutdown (client->fd, SHUT_RDWR);
  g_mutex_unlock (&client->lock);
}

static void
on_network_event (SoupMessage * msg, GSocketClientEvent event, GIOStream * connection, GstHttpAttempt * attempt)
{
  if (event == G_SOCKET_CLIENT_RESOLVING)
    gst_http_client_set_fd (attempt->client, -1);
  if (event == G_SOCKET_CLIENT_CONNECTED && G_IS_SOCKET_CONNECTION (connection)) {
    GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection));

    gst_http_client_set_fd (attempt->client, fcntl (g_socket_get_fd (socket), F_DUPFD_CLOEXEC, 0));
  }
}

/* The status of the answer that waits to be read on the bare socket of the newest
 * connection, 0: none. On TLS what can be read may be anything. */
static guint
gst_http_client_peek_status (GstHttpClient * client)
{
  gchar line[12];               /* "HTTP/1.1 413" */

  /* Only the worker changes fd: no lock. */
  if (recv (client->fd, line, sizeof line, MSG_PEEK | MSG_DONTWAIT) != sizeof line
      || memcmp (line, "HTTP/1.", 7) != 0 || !g_ascii_isdigit (line[9]))
    return 0;
  return (line[9] - '0') * 100 + g_ascii_digit_value (line[10]) * 10 + g_ascii_digit_value (line[11]);
}

/* Once the answer is there nobody wants the rest of the body. 1xx are not the answer yet. */
static gboolean
gst_http_attempt_has_answer (gpointer user)
{
  GstHttpAttempt *attempt = user;

  return gst_http_client_peek_status (attempt->client) >= 200;
}

/* --- message --- */

static void
gst_http_attempt_set_body (GstHttpAttempt * attempt)
{
  GInputStream *body;

  if (attempt->request->memories == NULL)
    return;
  body = gst_http_body_new (attempt->request->memories, attempt->plain ? gst_http_attempt_has_answer : NULL, attempt);
  soup_message_set_request_body (attempt->msg, NULL, body, gst_http_body_size (attempt->request->memories));
  g_clear_object (&attempt->body);
  attempt->body = GST_HTTP_BODY (body);
}

static gboolean
gst_http_attempt_body_is_sent (GstHttpAttempt * attempt)
{
  return attempt->body == NULL || gst_http_body_is_complete (attempt->body);
}

/* libsoup sends the request again after a challenge, and when a kept connection turns out
 * to be dead before any answer (so that none of that is an attempt of ours); but without
 * its body: a PUT of nothing that servers take, with a 201. */
static void
on_restarted (SoupMessage * msg, GstHttpAttempt * attempt)
{
  gst_http_attempt_set_body (attempt);
}

static void
on_got_headers (SoupMessage * msg, GstHttpAttempt * attempt)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (msg);
  guint status = soup_message_get_status (msg);

  /* A 204 has no body, but libsoup expects one up to the end of the connection where
   * there is no length, and closes it: each overwrite would pay for a new one. */
  if (status == SOUP_STATUS_NO_CONTENT)
    soup_message_headers_set_content_length (headers, 0);
  /* The rest of the body was never sent: the server would take the next request for it. */
  if (!gst_http_attempt_body_is_sent (attempt))
    soup_message_headers_append (headers, "Connection", "close");
  if (status == SOUP_STATUS_UNAUTHORIZED && attempt->trusted)
    gst_http_auth_learn (attempt->client->config->auth, msg);
}

/* A stale nonce does not come here: libsoup answers that by itself. */
static gboolean
on_authenticate (SoupMessage * msg, SoupAuth * auth, gboolean retrying, GstHttpAttempt * attempt)
{
  gboolean basic = G_TYPE_CHECK_INSTANCE_TYPE (auth, SOUP_TYPE_AUTH_BASIC);

  if (soup_auth_is_for_proxy (auth) || !attempt->trusted)
    return FALSE;
  attempt->asked = TRUE;
  /* The same credentials a second time would get the same answer, unless it was a digest
   * over an old nonce: servers that do not say stale=true exist. */
  if (attempt->answered || (retrying && basic))
    return FALSE;
  attempt->answered = TRUE;
  gst_http_auth_answer (attempt->client->config->auth, auth);
  return TRUE;
}

static gboolean
on_accept_certificate (SoupMessage * msg, GTlsCertificate * certificate, GTlsCertificateFlags errors,
    GstHttpAttempt * attempt)
{
  attempt->tls_errors = errors;
  return FALSE;
}

static void
gst_http_attempt_set_headers (GstHttpAttempt * attempt)
{
  const GstHttpRequest *request = attempt->request;
  const GstHttpConfig *config = attempt->client->config;
  SoupMessageHeaders *headers = soup_message_get_request_headers (attempt->msg);

  if (request->content_type)
    soup_message_headers_replace (headers, "Content-Type", request->content_type);
  if (request->content_encoding)
    soup_message_headers_replace (headers, "Content-Encoding", request->content_encoding);
  if (request->cache_control)
    soup_message_headers_replace (headers, "Cache-Control", request->cache_control);
  /* They may hold tokens. */
  if (config->extra_headers && attempt->trusted) {
    SoupMessageHeadersIter iter;
    const char *name, *value;

    soup_message_headers_iter_init (&iter, config->extra_headers);
    while (soup_message_headers_iter_next (&iter, &name, &value))
      soup_message_headers_replace (headers, name, value);
  }
}

static void
gst_http_attempt_init (GstHttpAttempt * attempt, GstHttpClient * client, const GstHttpRequest * request, GUri * uri)
{
  GstHttpAuth *auth = client->config->auth;

  memset (attempt, 0, sizeof *attempt);
  attempt->client = client;
  attempt->request = request;
  attempt->msg = soup_message_new_from_uri (request->method, uri);
  attempt->trusted = gst_http_auth_trusts (auth, uri);
  attempt->plain = g_str_equal (g_uri_get_scheme (uri), "http");
  soup_message_add_flags (attempt->msg, SOUP_MESSAGE_NO_REDIRECT);
  gst_http_attempt_set_headers (attempt);
  gst_http_attempt_set_body (attempt);

  g_signal_connect (attempt->msg, "network-event", G_CALLBACK (on_network_event), attempt);
  g_signal_connect (attempt->msg, "restarted", G_CALLBACK (on_restarted), attempt);
  g_signal_connect (attempt->msg, "got-headers", G_CALLBACK (on_got_headers), attempt);
  g_signal_connect (attempt->msg, "accept-certificate", G_CALLBACK (on_accept_certificate), attempt);
  if (gst_http_auth_has_credentials (auth)) {
    g_signal_connect (attempt->msg, "authenticate", G_CALLBACK (on_authenticate), attempt);
    if (!client->primed && attempt->trusted) {
      gst_http_auth_prime (auth, client->session, attempt->msg);
      client->primed = TRUE;
    }
  }
}

static void
gst_http_attempt_clear (GstHttpAttempt * attempt)
{
  g_signal_handlers_disconnect_by_data (attempt->msg, attempt);
  g_clear_object (&attempt->msg);
  g_clear_object (&attempt->body);
}

/* --- what came of it --- */

static gchar *
gst_http_tls_errors_to_text (GTlsCertificateFlags errors)
{
  static const struct
  {
    GTlsCertificateFlags flag;
    const gchar *text;
  } reasons[] = {
    {G_TLS_CERTIFICATE_UNKNOWN_CA, "it is not signed by a trusted authority"},
    {G_TLS_CERTIFICATE_BAD_IDENTITY, "it is for another host"},
    {G_TLS_CERTIFICATE_NOT_ACTIVATED, "it is not valid yet"},
    {G_TLS_CERTIFICATE_EXPIRED, "it has expired"},
    {G_TLS_CERTIFICATE_REVOKED, "it was revoked"},
    {G_TLS_CERTIFICATE_INSECURE, "its algorithm is not secure"},
    {G_TLS_CERTIFICATE_GENERIC_ERROR, "it cannot be verified"},
  };
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++) {
    if (errors & reasons[i].flag)
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", reasons[i].text);
  }
  return g_string_free (text, FALSE);
}

static void
gst_http_attempt_judge_error (GstHttpAttempt * attempt, const GError * error, GstDeliveryResult * result)
{
  GstHttpClient *client = attempt->client;
  const gchar *host = g_uri_get_host (soup_message_get_uri (attempt->msg));
  GstHttpAnswer answer = { 0, };

  if (attempt->tls_errors != 0) {
    gchar *why = gst_http_tls_errors_to_text (attempt->tls_errors);

    gst_delivery_result_set (result, GST_DELIVERY_FAILED, 0, "the certificate of %s is not accepted: %s", host, why);
    g_free (why);
    return;
  }

  /* A server that refuses a body and closes resets the connection under the writer, but
   * its answer may have come in before. */
  if (attempt->plain && attempt->body && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    answer.status = gst_http_client_peek_status (client);
  if (answer.status >= 400) {
    answer.size = gst_http_body_size (attempt->request->memories);
    answer.unauthorized = "the server asks for credentials and does not wait for them";
    gst_http_status_judge (&answer, result);
    return;
  }

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
    gst_delivery_result_set (result, GST_DELIVERY_FAILED, 0, "%s: no progress for %u s", host,
        soup_session_get_timeout (client->session));
    return;
  }
  gst_delivery_result_set (result, GST_DELIVERY_FAILED, 0, "%s: %s", host, error->message);
}

static gchar *
gst_http_attempt_describe_401 (GstHttpAttempt * attempt)
{
  gchar *asked_for, *text;

  if (!gst_http_auth_has_credentials (attempt->client->config->auth))
    return g_strdup ("the server asks for credentials; set user-id and user-pw");
  if (!attempt->trusted)
    return g_strdup ("the server that the request was redirected to asks for credentials, "
        "which are for the location's own server only");
  if (attempt->asked)
    return g_strdup ("the server did not accept the credentials");

  asked_for = gst_http_auth_describe (attempt->msg);
  text = g_strdup_printf ("the server asks for %s authentication; Basic and Digest with MD5 are what can be answered",
      asked_for ? asked_for : "an unnamed kind of");
  g_free (asked_for);
  return text;
}

static void
gst_http_attempt_judge_answer (GstHttpAttempt * attempt, GstDeliveryResult * result)
{
  GstHttpAnswer answer = { soup_message_get_status (attempt->msg), };
  gchar *unauthorized = NULL;

  answer.remove = attempt->request->method == SOUP_METHOD_DELETE;
  if (attempt->body) {
    answer.size = gst_http_body_size (attempt->request->memories);
    answer.sent = gst_http_body_get_sent (attempt->body);
  }
  answer.retry_after = soup_message_headers_get_one (soup_message_get_response_headers (attempt->msg), "Retry-After");
  if (answer.status == SOUP_STATUS_UNAUTHORIZED)
    answer.unauthorized = unauthorized = gst_http_attempt_describe_401 (attempt);
  gst_http_status_judge (&answer, result);
  g_free (unauthorized);
}

/* TRUE: the whole answer was read, so that the connection can be used again. */
static gboolean
gst_http_drain (GInputStream * stream, GCancellable * cancellable)
{
  gchar buffer[4096];
  gsize total = 0;
  gssize n;

  do {
    n = g_input_stream_read (stream, buffer, sizeof buffer, cancellable, NULL);
    total += MAX (n, 0);
  } while (n > 0 && total <= MAX_ANSWER_BODY);
  return n == 0 && g_input_stream_close (stream, cancellable, NULL);
}

/* Where a 307 or 308 leads (RFC 9110, 15.4.8, 15.4.9), NULL with @result set if it must not be followed. */
static GUri *
gst_http_attempt_get_redirect (GstHttpAttempt * attempt, GstDeliveryResult * result)
{
  guint status = soup_message_get_status (attempt->msg);
  const gchar *location = soup_message_headers_get_one (soup_message_get_response_headers (attempt->msg), "Location");
  GUri *from = soup_message_get_uri (attempt->msg);
  GUri *to;

  if (status != SOUP_STATUS_TEMPORARY_REDIRECT && status != SOUP_STATUS_PERMANENT_REDIRECT) {
    gst_delivery_result_set (result, GST_DELIVERY_REFUSED, status,
        "the server answered %u %s; only 307 and 308 keep a PUT a PUT", status, soup_status_get_phrase (status));
    return NULL;
  }
  to = location ? g_uri_parse_relative (from, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
  if (to == NULL || g_uri_get_host (to) == NULL || *g_uri_get_host (to) == '\0'
      || (!g_str_equal (g_uri_get_scheme (to), "http") && !g_str_equal (g_uri_get_scheme (to), "https"))) {
    gst_delivery_result_set (result, GST_DELIVERY_REFUSED, status, "the server answered %u without a usable Location",
        status);
  } else if (g_str_equal (g_uri_get_scheme (from), "https") && g_str_equal (g_uri_get_scheme (to), "http")) {
    gst_delivery_result_set (result, GST_DELIVERY_REFUSED, status,
        "the server answered %u to plain http on %s, which https does not follow", status, g_uri_get_host (to));
  } else if (g_uri_get_userinfo (to) != NULL) {
    gst_delivery_result_set (result, GST_DELIVERY_REFUSED, status,
        "the server answered %u to a location with credentials in it", status);
  } else {
    return to;
  }
  g_clear_pointer (&to, g_uri_unref);
  return NULL;
}

/* Sends to @uri. Returns where it was redirected to, or NULL with @result set. */
static GUri *
gst_http_client_attempt (GstHttpClient * client, const GstHttpRequest * request, GUri * uri,
    GCancellable * cancellable, GstDeliveryResult * result)
{
  GstHttpAttempt attempt;
  GInputStream *stream;
  GError *error = NULL;
  GUri *redirect = NULL;

  gst_http_attempt_init (&attempt, client, request, uri);
  stream = soup_session_send (client->session, attempt.msg, cancellable, &error);
  if (stream == NULL) {
    result->keep_connection = FALSE;
    gst_http_attempt_judge_error (&attempt, error, result);
    g_error_free (error);
  } else {
    /* An answer to an unfinished body leaves the server waiting for the rest of it. */
    result->keep_connection = gst_http_drain (stream, cancellable) && gst_http_attempt_body_is_sent (&attempt);
    g_object_unref (stream);
    if (SOUP_STATUS_IS_REDIRECTION (soup_message_get_status (attempt.msg)))
      redirect = gst_http_attempt_get_redirect (&attempt, result);
    else
      gst_http_attempt_judge_answer (&attempt, result);
    /* A server in trouble: the next attempt looks its name up again and may find another.
     * A challenge is none, and its nonce is worth keeping. */
    if (result->verdict == GST_DELIVERY_FAILED && result->status != SOUP_STATUS_UNAUTHORIZED)
      result->keep_connection = FALSE;
  }
  gst_http_attempt_clear (&attempt);
  return redirect;
}

void
gst_http_client_send (GstHttpClient * client, const GstHttpRequest * request, GCancellable * cancellable,
    GstDeliveryResult * result)
{
  GUri *uri = g_uri_ref (request->uri);
  gulong handler = 0;

  if (cancellable)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), client, NULL);

  for (guint hops = 0; uri != NULL; hops++) {
    GUri *next = gst_http_client_attempt (client, request, uri, cancellable, result);

    g_uri_unref (uri);
    uri = next;
    if (uri != NULL && hops == MAX_REDIRECTS) {
      gst_delivery_result_set (result, GST_DELIVERY_REFUSED, SOUP_STATUS_TEMPORARY_REDIRECT,
          "redirected more than %d times", MAX_REDIRECTS);
      g_clear_pointer (&uri, g_uri_unref);
    }
  }
  if (handler)
    g_cancellable_disconnect (cancellable, handler);
}

GstHttpClient *
gst_http_client_new (const GstHttpConfig * config, guint timeout)
{
  GstHttpClient *client = g_new0 (GstHttpClient, 1);

  client->config = config;
  client->fd = -1;
  g_mutex_init (&client->lock);
  client->session = soup_session_new_with_options ("timeout", timeout, NULL);
  soup_session_set_user_agent (client->session, config->user_agent);
  if (config->tls_database)
    soup_session_set_tls_database (client->session, config->tls_database);
  /* No proxies: GIO would ask for them on threads of its own, in a desktop's settings, without
   * a limit in time. */
  soup_session_set_proxy_resolver (client->session, NULL);
  /* Answers to a PUT are not worth decoding: no Accept-Encoding. */
  soup_session_remove_feature_by_type (client->session, SOUP_TYPE_CONTENT_DECODER);
  return client;
}

void
gst_http_client_free (GstHttpClient * client)
{
  soup_session_abort (client->session);
  g_object_unref (client->session);
  gst_http_client_set_fd (client, -1);
  g_mutex_clear (&client->lock);
  g_free (client);
}

gboolean
gst_http_header_is_allowed (const gchar * name, const gchar * value, GError ** error)
{
  /* Set by the object, by the message's framing (RFC 9112, section 6) or by the
   * connection. Expect: libsoup 3.2 stores nothing where it meets a 401, and
   * Debian's nginx holds the body back for seconds. */
  static const gchar *const ours[] = { "Content-Length", "Transfer-Encoding", "Connection", "Host", "Expect",
    "Upgrade", "TE", "Trailer", "User-Agent", NULL
  };
  static const gchar token[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "!#$%&'*+-.^_`|~";

  if (*name == '\0' || name[strspn (name, token)] != '\0') {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "\"%s\" is not a header name; letters, digits and dashes are", name);
    return FALSE;
  }
  for (guint i = 0; ours[i]; i++) {
    if (g_ascii_strcasecmp (name, ours[i]) == 0) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "the header %s is set by the element itself and cannot be given", ours[i]);
      return FALSE;
    }
  }
  for (const gchar * c = value; *c; c++) {
    if (g_ascii_iscntrl (*c) && *c != '\t') {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "the value of the header %s holds a control character; it must be one line of text", name);
      return FALSE;
    }
  }
  return TRUE;
}
