/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an HTTP status means for an object: the one table, see docs/architecture.md.
 */
#pragma once

#include <gst/delivery/gstdelivery.h>
#include "gsthttp-api.h"

G_BEGIN_DECLS

/* A final answer to a request. */
typedef struct {
  guint status;
  gboolean remove;              /* to a DELETE */
  guint64 size;                 /* of the request's body */
  guint64 sent;                 /* of it */
  const gchar *retry_after;     /* the header's value, or NULL */
  const gchar *unauthorized;    /* what a 401 means here, in words */
} GstHttpAnswer;

/* Fills verdict, status, retry_after and message of @result. */
GST_HTTP_API
void gst_http_status_judge (const GstHttpAnswer * answer, GstDeliveryResult * result);

/* Retry-After of RFC 9110, 10.2.3: seconds or a date. GST_CLOCK_TIME_NONE where @value
 * is NULL or neither. */
GST_HTTP_API
GstClockTime gst_http_retry_after (const gchar * value, gint64 now_unix);

G_END_DECLS
