/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of what is published: MediaLive's rule for HLS output names. See numbering.h.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "numbering.h"

#include <string.h>
#include <gst/gst.h>

gchar *
hls_segment_name (const gchar * base_name, const gchar * name_modifier, const gchar * segment_modifier,
    guint64 counter, const gchar * extension)
{
  return g_strdup_printf ("%s%s%s_%05" G_GUINT64_FORMAT ".%s", base_name,
      name_modifier ? name_modifier : "", segment_modifier ? segment_modifier : "", counter, extension);
}

gchar *
hls_playlist_name (const gchar * base_name, const gchar * name_modifier)
{
  return g_strconcat (base_name, name_modifier ? name_modifier : "", ".m3u8", NULL);
}

gboolean
hls_name_part_is_valid (const gchar * text, GError ** error)
{
  const gchar *p, *end;

  if (!g_utf8_validate (text, -1, &end)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "byte 0x%02x at position %" G_GSIZE_FORMAT " is not UTF-8; a name must be UTF-8 text",
        (guint8) * end, (gsize) (end - text));
    return FALSE;
  }

  /* Separators of paths (on any system that may serve the files), what ends the path of a URL or
   * starts an escape in it, and what ends an attribute of a playlist. */
  for (p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);

    if (g_unichar_iscntrl (c)) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "control character U+%04X in \"%.*s\" cannot be part of a file name", c, (gint) (p - text), text);
      return FALSE;
    }
    if (c < 0x80 && strchr ("/\\?#%\"", (gint) c)) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
          "'%c' in \"%s\" cannot be part of a file name; use letters, digits, '-', '_' and '.'", (gchar) c, text);
      return FALSE;
    }
  }
  if (strstr (text, "..")) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "\"..\" in \"%s\" cannot be part of a file name; use single dots", text);
    return FALSE;
  }
  return TRUE;
}
