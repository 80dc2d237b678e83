/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Credentials of a sink, and what its workers know of the server's challenge. Shared
 * by all workers of one sink; usable from any thread.
 */
#pragma once

#include <gst/gst.h>
#include <libsoup/soup.h>
#include "gsthttp-api.h"

G_BEGIN_DECLS

typedef struct _GstHttpAuth GstHttpAuth;

/* Credentials are for @base and what lies at its scheme, host and port. NULL @user: none. */
GST_HTTP_API
GstHttpAuth *gst_http_auth_new (GUri * base, const gchar * user, const gchar * password);
/* Overwrites the password in memory. */
GST_HTTP_API
void gst_http_auth_free (GstHttpAuth * auth);

GST_HTTP_API
gboolean gst_http_auth_has_credentials (const GstHttpAuth * auth);
/* Whether @uri may see credentials (and headers) that were given for the base: it is the
 * same server, or the same host's https port where the base is its http port. */
GST_HTTP_API
gboolean gst_http_auth_trusts (const GstHttpAuth * auth, GUri * uri);

/* Answers the challenge @challenge. */
GST_HTTP_API
void gst_http_auth_answer (GstHttpAuth * auth, SoupAuth * challenge);
/* Remembers the challenge of @msg, a 401, for the sessions to come. */
GST_HTTP_API
void gst_http_auth_learn (GstHttpAuth * auth, SoupMessage * msg);
/* Lets @session answer what another session was asked, before it is asked. @msg: its
 * first message. */
GST_HTTP_API
void gst_http_auth_prime (GstHttpAuth * auth, SoupSession * session, SoupMessage * msg);

/* "Digest SHA-256, Negotiate": what the server of @msg asks for, NULL if nothing. */
GST_HTTP_API
gchar *gst_http_auth_describe (SoupMessage * msg);

/* A property's value to the secret it stands for: "env:NAME", "file:PATH" (less one line
 * end), or the value itself. NULL with @error, which names the variable or the file but
 * never a literal. @property: for the error. */
GST_HTTP_API
gchar *gst_http_resolve_secret (const gchar * property, const gchar * value, GError ** error);
/* Overwrites, then frees. */
GST_HTTP_API
void gst_http_free_secret (gchar * secret);

G_END_DECLS
