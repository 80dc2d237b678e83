/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative reference: RFC 9110 (HTTP Semantics), section 15 (status codes) and
 * 10.2.3 (Retry-After).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <libsoup/soup.h>
#include "gsthttpstatus.h"

GstClockTime
gst_http_retry_after (const gchar * value, gint64 now_unix)
{
  GDateTime *date;
  guint64 seconds;
  gint64 wait;

  if (value == NULL)
    return GST_CLOCK_TIME_NONE;
  /* More than a day is no different from a day to a live stream, and cannot overflow. */
  if (g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT64, &seconds, NULL))
    return MIN (seconds, 86400) * GST_SECOND;

  date = soup_date_time_new_from_http_string (value);
  if (date == NULL)
    return GST_CLOCK_TIME_NONE;
  wait = g_date_time_to_unix (date) - now_unix;
  g_date_time_unref (date);
  return CLAMP (wait, 0, 86400) * GST_SECOND;
}

static void
gst_http_status_set_published (guint status, GstDeliveryResult * result)
{
  result->verdict = GST_DELIVERY_PUBLISHED;
  result->status = status;
}

static void
gst_http_status_judge_error (const GstHttpAnswer * answer, GstDeliveryResult * result)
{
  guint status = answer->status;
  /* The server's own phrase is text of unknown origin; this one is not. */
  const gchar *phrase = soup_status_get_phrase (status);

  switch (status) {
    case 401:
      /* Credentials get rotated: the next attempt may find them in force. */
      gst_delivery_result_set (result, GST_DELIVERY_FAILED, status, "%s (401)", answer->unauthorized);
      break;
    case 413:
      gst_delivery_result_set (result, GST_DELIVERY_REFUSED, status,
          "the server does not take objects of %" G_GUINT64_FORMAT " bytes (413 %s)", answer->size, phrase);
      break;
    case 407:                  /* a proxy's credentials, as 401 */
    case 408:
    case 421:                  /* misdirected: another connection may lead to the right host */
    case 423:                  /* locked: somebody else's write in progress */
    case 425:
    case 429:
      gst_delivery_result_set (result, GST_DELIVERY_FAILED, status, "the server answered %u %s", status, phrase);
      break;
    default:
      gst_delivery_result_set (result, status >= 500 ? GST_DELIVERY_FAILED : GST_DELIVERY_REFUSED, status,
          "the server answered %u %s", status, phrase);
      break;
  }
  if (result->verdict == GST_DELIVERY_FAILED)
    result->retry_after = gst_http_retry_after (answer->retry_after, g_get_real_time () / G_USEC_PER_SEC);
}

void
gst_http_status_judge (const GstHttpAnswer * answer, GstDeliveryResult * result)
{
  guint status = answer->status;

  if (status >= 200 && status < 300) {
    if (answer->sent < answer->size)
      gst_delivery_result_set (result, GST_DELIVERY_FAILED, status,
          "the server answered %u when it had %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
          status, answer->sent, answer->size);
    else
      gst_http_status_set_published (status, result);
  } else if (answer->remove && (status == 404 || status == 410)) {
    gst_http_status_set_published (status, result);
  } else {
    gst_http_status_judge_error (answer, result);
  }
}
