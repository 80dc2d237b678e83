/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstcheck.h>

#include "numbering.h"

static void
assert_name (gchar * name, const gchar * expected)
{
  fail_unless_equals_string (name, expected);
  g_free (name);
}

GST_START_TEST (test_names)
{
  assert_name (hls_segment_name ("curling", "-high", NULL, 1, "ts"), "curling-high_00001.ts");
  assert_name (hls_segment_name ("curling", "-high", "-x", 99999, "ts"), "curling-high-x_99999.ts");
  assert_name (hls_segment_name ("index", NULL, NULL, 0, "aac"), "index_00000.aac");
  /* At least five digits, and all that there are. */
  assert_name (hls_segment_name ("a", "-b", "", 297648000, "ts"), "a-b_297648000.ts");
  assert_name (hls_segment_name ("a", "-b", "", G_MAXUINT64, "ts"), "a-b_18446744073709551615.ts");
  assert_name (hls_playlist_name ("curling", "-high"), "curling-high.m3u8");
  assert_name (hls_playlist_name ("curling", NULL), "curling.m3u8");
}

GST_END_TEST;

GST_START_TEST (test_valid_parts)
{
  static const gchar *const good[] = { "-high", "", "_1080p", "live.2026", "Curling (finale)", "-ton-fran\303\247ais" };
  static const struct
  {
    const gchar *text, *named;
  } bad[] = {
    {"a/b", "'/'"},
    {"a\\b", "'\\'"},
    {"a?b", "'?'"},
    {"a#b", "'#'"},
    {"a%20b", "'%'"},
    {"a\"b", "'\"'"},
    {"a\nb", "U+000A"},
    {"a\177", "U+007F"},
    {"a\302\205", "U+0085"},
    {"..", "\"..\""},
    {"a..b", "\"..\""},
    {"a\377b", "0xff"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (good); i++) {
    GError *error = NULL;

    fail_unless (hls_name_part_is_valid (good[i], &error), "%s", good[i]);
    fail_unless (error == NULL);
  }
  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;

    fail_if (hls_name_part_is_valid (bad[i].text, &error), "%s", bad[i].text);
    fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    fail_unless (strstr (error->message, bad[i].named) != NULL, "\"%s\" does not name %s", error->message,
        bad[i].named);
    fail_unless (g_utf8_validate (error->message, -1, NULL));
    g_error_free (error);
  }
  fail_if (hls_name_part_is_valid ("a/b", NULL));
}

GST_END_TEST;

static Suite *
numbering_suite (void)
{
  Suite *s = suite_create ("numbering");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_names);
  tcase_add_test (tc, test_valid_parts);
  return s;
}

GST_CHECK_MAIN (numbering);
