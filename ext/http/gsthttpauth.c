/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative references: RFC 7617 (Basic), RFC 7616 (Digest; MD5 is what libsoup 3.2
 * computes), RFC 9110 section 11.
 *
 * When to send credentials before being asked: never to a server that has not asked.
 * Basic unasked would hand the password itself to a server that perhaps wants only a
 * digest of it. But what one worker was asked, all workers of the sink answer from then
 * on: without that each new session (each worker's, and each after a failure) would
 * send its first segment twice. A Digest nonce that is no longer good costs one more
 * round trip, as it would have without.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include "gsthttpauth.h"

struct _GstHttpAuth
{
  GUri *base;
  gchar *user;
  gchar *password;

  GMutex lock;
  GType type;                   /* of the newest challenge, G_TYPE_INVALID before the first */
  gchar *challenge;             /* its header line */
};

GstHttpAuth *
gst_http_auth_new (GUri * base, const gchar * user, const gchar * password)
{
  GstHttpAuth *auth = g_new0 (GstHttpAuth, 1);

  auth->base = g_uri_ref (base);
  auth->user = g_strdup (user);
  auth->password = g_strdup (password);
  auth->type = G_TYPE_INVALID;
  g_mutex_init (&auth->lock);
  return auth;
}

void
gst_http_auth_free (GstHttpAuth * auth)
{
  g_uri_unref (auth->base);
  g_free (auth->user);
  gst_http_free_secret (auth->password);
  g_free (auth->challenge);
  g_mutex_clear (&auth->lock);
  g_free (auth);
}

gboolean
gst_http_auth_has_credentials (const GstHttpAuth * auth)
{
  return auth->user != NULL;
}

gboolean
gst_http_auth_trusts (const GstHttpAuth * auth, GUri * uri)
{
  gboolean same_scheme = g_str_equal (g_uri_get_scheme (auth->base), g_uri_get_scheme (uri));

  if (g_ascii_strcasecmp (g_uri_get_host (auth->base), g_uri_get_host (uri)) != 0)
    return FALSE;
  if (same_scheme)
    return g_uri_get_port (auth->base) == g_uri_get_port (uri);
  return g_uri_get_port (auth->base) == 80 && g_uri_get_port (uri) == 443
      && g_str_equal (g_uri_get_scheme (uri), "https");
}

void
gst_http_auth_answer (GstHttpAuth * auth, SoupAuth * challenge)
{
  soup_auth_authenticate (challenge, auth->user, auth->password);
}

static gboolean
gst_http_is_challenge (const gchar * name, const gchar * value, const gchar * scheme)
{
  gsize n = strlen (scheme);

  return g_ascii_strcasecmp (name, "WWW-Authenticate") == 0
      && g_ascii_strncasecmp (value, scheme, n) == 0 && g_ascii_isspace (value[n]);
}

/* The first challenge of @scheme that libsoup can answer. */
static gchar *
gst_http_find_challenge (SoupMessage * msg, const gchar * scheme, GType type)
{
  SoupMessageHeadersIter iter;
  const char *name, *value;

  soup_message_headers_iter_init (&iter, soup_message_get_response_headers (msg));
  while (soup_message_headers_iter_next (&iter, &name, &value)) {
    SoupAuth *answerable;

    if (!gst_http_is_challenge (name, value, scheme))
      continue;
    answerable = soup_auth_new (type, msg, value);
    if (answerable != NULL) {
      g_object_unref (answerable);
      return g_strdup (value);
    }
  }
  return NULL;
}

void
gst_http_auth_learn (GstHttpAuth * auth, SoupMessage * msg)
{
  GType type = SOUP_TYPE_AUTH_DIGEST;
  gchar *challenge = gst_http_find_challenge (msg, "Digest", type);

  if (challenge == NULL) {
    type = SOUP_TYPE_AUTH_BASIC;
    challenge = gst_http_find_challenge (msg, "Basic", type);
  }
  if (challenge == NULL)
    return;

  g_mutex_lock (&auth->lock);
  g_free (auth->challenge);
  auth->challenge = challenge;
  auth->type = type;
  g_mutex_unlock (&auth->lock);
}

void
gst_http_auth_prime (GstHttpAuth * auth, SoupSession * session, SoupMessage * msg)
{
  SoupAuth *answer = NULL;

  g_mutex_lock (&auth->lock);
  if (auth->challenge != NULL)
    answer = soup_auth_new (auth->type, msg, auth->challenge);
  g_mutex_unlock (&auth->lock);
  if (answer == NULL)
    return;

  gst_http_auth_answer (auth, answer);
  soup_auth_manager_use_auth (SOUP_AUTH_MANAGER (soup_session_get_feature (session, SOUP_TYPE_AUTH_MANAGER)),
      auth->base, answer);
  g_object_unref (answer);
}

gchar *
gst_http_auth_describe (SoupMessage * msg)
{
  GString *text = g_string_new (NULL);
  SoupMessageHeadersIter iter;
  const char *name, *value;

  soup_message_headers_iter_init (&iter, soup_message_get_response_headers (msg));
  while (soup_message_headers_iter_next (&iter, &name, &value)) {
    gsize n = strspn (value, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-");
    GHashTable *params;
    const gchar *algorithm;

    if (g_ascii_strcasecmp (name, "WWW-Authenticate") != 0 || n == 0)
      continue;
    g_string_append_printf (text, "%s%.*s", text->len > 0 ? ", " : "", (int) MIN (n, 32), value);
    params = soup_header_parse_param_list (value + n);
    algorithm = g_hash_table_lookup (params, "algorithm");
    if (algorithm != NULL)
      g_string_append_printf (text, " %.*s",
          (int) MIN (strspn (algorithm, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-"), 32), algorithm);
    soup_header_free_param_list (params);
  }
  return g_string_free (text, text->len == 0);
}

gchar *
gst_http_resolve_secret (const gchar * property, const gchar * value, GError ** error)
{
  if (g_str_has_prefix (value, "env:")) {
    const gchar *secret = g_getenv (value + 4);

    if (secret == NULL || *secret == '\0') {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "%s is \"%s\", but the environment variable %s is %s; set it to the secret", property, value,
          value + 4, secret ? "empty" : "not set");
      return NULL;
    }
    return g_strdup (secret);
  }

  if (g_str_has_prefix (value, "file:")) {
    GError *why = NULL;
    gchar *secret = NULL;
    gsize size;

    if (!g_file_get_contents (value + 5, &secret, &size, &why)) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "%s is \"%s\", but that file cannot be read: %s", property, value, why->message);
      g_error_free (why);
      return NULL;
    }
    if (size > 0 && secret[size - 1] == '\n')
      secret[--size] = '\0';
    if (size > 0 && secret[size - 1] == '\r')
      secret[--size] = '\0';
    if (size == 0 || strlen (secret) != size) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "%s is \"%s\", but that file %s; it must hold the secret and nothing else", property, value,
          size == 0 ? "is empty" : "holds a NUL byte");
      g_free (secret);
      return NULL;
    }
    return secret;
  }
  return g_strdup (value);
}

void
gst_http_free_secret (gchar * secret)
{
  if (secret != NULL)
    explicit_bzero (secret, strlen (secret));
  g_free (secret);
}
