/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What a SoupServer answers: PUT, DELETE, MKCOL, GET and HEAD of what is stored under
 * /0/, /1/ and so on, the page that plays it, and /stats.json. */
typedef struct _Service Service;

/* @hls_js: (nullable) the player library for the page. @keep_bytes: of media, in memory. */
Service *service_new (guint n_inputs, guint64 keep_bytes, GBytes * hls_js);
/* After @service's server is gone. */
void service_free (Service * service);
void service_attach (Service * service, SoupServer * server);

G_END_DECLS
