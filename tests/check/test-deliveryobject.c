/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstcheck.h>
#include <gst/delivery/gstdelivery.h>

static GstDeliveryInfo
segment_info (const gchar * name)
{
  return (GstDeliveryInfo) {
    .name = name,
    .kind = GST_DELIVERY_KIND_SEGMENT,
    .track = "high",
    .sequence = 7,
    .content_type = "video/mp2t",
    .cache_control = "max-age=31536000, immutable",
    .duration = 6 * GST_SECOND,
    .size = 5,
    .created = 1234567,
    .losses = 3,
  };
}

GST_START_TEST (test_kind_names_round_trip)
{
  guint kind;
  GstDeliveryKind parsed;

  for (kind = GST_DELIVERY_KIND_INIT; kind <= GST_DELIVERY_KIND_DELETE; kind++) {
    fail_unless (gst_delivery_kind_from_string (gst_delivery_kind_to_string (kind), &parsed));
    fail_unless_equals_int (parsed, kind);
  }
  fail_if (gst_delivery_kind_from_string ("segments", &parsed));
  fail_if (gst_delivery_kind_from_string ("", &parsed));
  fail_if (gst_delivery_kind_from_string (NULL, &parsed));
}

GST_END_TEST;

GST_START_TEST (test_info_round_trips_and_survives_a_copy)
{
  GstDeliveryInfo info = segment_info ("a/high_00007.ts"), read;
  GstBuffer *buffer = gst_delivery_buffer_new_object (&info, g_bytes_new_static ("hello", 5));
  GstBuffer *copy = gst_buffer_copy (buffer);

  gst_buffer_unref (buffer);
  fail_unless (GST_BUFFER_FLAG_IS_SET (copy, GST_BUFFER_FLAG_MARKER));
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (copy), 0);
  fail_unless (gst_delivery_buffer_get_info (copy, FALSE, &read, NULL));
  fail_unless_equals_string (read.name, info.name);
  fail_unless_equals_int (read.kind, info.kind);
  fail_unless_equals_string (read.track, info.track);
  fail_unless_equals_uint64 (read.sequence, info.sequence);
  fail_unless_equals_string (read.content_type, info.content_type);
  fail_unless_equals_string (read.cache_control, info.cache_control);
  fail_unless (read.content_encoding == NULL);
  fail_unless_equals_uint64 (read.duration, info.duration);
  fail_unless_equals_uint64 (read.size, info.size);
  fail_unless_equals_int64 (read.created, info.created);
  fail_unless_equals_uint64 (read.losses, info.losses);
  gst_buffer_unref (copy);
}

GST_END_TEST;

GST_START_TEST (test_unknown_size_and_missing_name)
{
  GstDeliveryInfo info = segment_info (NULL), read;
  GstBuffer *buffer;
  GError *error = NULL;

  info.size = GST_DELIVERY_SIZE_UNKNOWN;
  info.duration = GST_CLOCK_TIME_NONE;
  buffer = gst_delivery_buffer_new_object (&info, NULL);
  fail_unless (gst_delivery_buffer_get_info (buffer, TRUE, &read, NULL));
  fail_unless (read.name == NULL);
  fail_unless (read.size == GST_DELIVERY_SIZE_UNKNOWN);
  fail_if (GST_CLOCK_TIME_IS_VALID (read.duration));

  fail_if (gst_delivery_buffer_get_info (buffer, FALSE, &read, &error));
  fail_unless (g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
  fail_unless (strstr (error->message, "no name") != NULL);
  g_clear_error (&error);
  gst_buffer_unref (buffer);
}

GST_END_TEST;

GST_START_TEST (test_names_that_leave_the_folder_are_refused)
{
  static const struct
  {
    const gchar *name, *fault;
  } bad[] = {
    {"", "empty"}, {"/etc/passwd", "slash"}, {"../up.ts", ".."}, {"a/../../b.ts", ".."}, {"a/..", ".."},
    {"./a.ts", "."}, {"a//b.ts", "empty path component"}, {"a/", "empty path component"},
    {"a\r\nHost: b", "control"}, {"a\x7f", "control"}, {"a\xc2\x85", "control"},
  };
  static const gchar *const good[] = { "a.ts", "a/b_00001.ts", "..a.ts", "a...b", "é/ü.ts", "a b?c#d.ts" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad) + G_N_ELEMENTS (good); i++) {
    gboolean is_bad = i < G_N_ELEMENTS (bad);
    GstDeliveryInfo info = segment_info (is_bad ? bad[i].name : good[i - G_N_ELEMENTS (bad)]), read;
    GstBuffer *buffer = gst_delivery_buffer_new_object (&info, NULL);
    GError *error = NULL;
    gboolean ok = gst_delivery_buffer_get_info (buffer, TRUE, &read, &error);

    fail_unless (ok == !is_bad, "%s", info.name);
    if (is_bad) {
      fail_unless (strstr (error->message, bad[i].fault) != NULL, "%s", error->message);
      fail_if (strchr (error->message, '\n') != NULL);
      g_error_free (error);
    }
    gst_buffer_unref (buffer);
  }
}

GST_END_TEST;

static void
assert_bad (GstBuffer * buffer, const gchar * says)
{
  GstDeliveryInfo read;
  GError *error = NULL;

  fail_if (gst_delivery_buffer_get_info (buffer, FALSE, &read, &error));
  fail_unless (strstr (error->message, says) != NULL, "%s", error->message);
  g_error_free (error);
  gst_buffer_unref (buffer);
}

GST_START_TEST (test_bad_metas_are_named)
{
  GstDeliveryInfo info = segment_info ("a.ts");
  GstBuffer *buffer;

  assert_bad (gst_buffer_new (), GST_DELIVERY_META);

  buffer = gst_delivery_buffer_new_object (&info, NULL);
  gst_structure_set (gst_delivery_buffer_get_structure (buffer), "kind", G_TYPE_STRING, "movie", NULL);
  assert_bad (buffer, "unknown kind \"movie\"");

  buffer = gst_delivery_buffer_new_object (&info, NULL);
  gst_structure_remove_field (gst_delivery_buffer_get_structure (buffer), "kind");
  assert_bad (buffer, "no kind");

  buffer = gst_delivery_buffer_new_object (&info, NULL);
  gst_structure_set (gst_delivery_buffer_get_structure (buffer), "sequence", G_TYPE_INT, 7, NULL);
  assert_bad (buffer, "\"sequence\" of a delivery object is a gint, must be a guint64");
}

GST_END_TEST;

GST_START_TEST (test_destination_query)
{
  GstQuery *query = gst_delivery_query_new_destination ();

  fail_unless (gst_delivery_query_is_destination (query));
  fail_if (gst_delivery_query_is_lost (query));
  fail_if (GST_QUERY_IS_SERIALIZED (query));
  fail_unless (gst_delivery_query_get_destination (query) == NULL);
  gst_delivery_query_set_destination (query, "curling");
  fail_unless_equals_string (gst_delivery_query_get_destination (query), "curling");
  gst_query_unref (query);
}

GST_END_TEST;

GST_START_TEST (test_lost_query)
{
  static const gchar *const lost[] = { "a_1.ts", "a_2.ts", NULL };
  GstDeliveryInfo info = segment_info ("a.m3u8");
  GstQuery *query = gst_delivery_query_new_lost ("high", lost, "a.m3u8", 9);
  const gchar *track, *playlist;
  gchar **names;
  guint64 revision;
  GstBuffer *buffer;

  fail_unless (gst_delivery_query_is_lost (query));
  fail_if (gst_delivery_query_is_destination (query));
  fail_if (GST_QUERY_IS_SERIALIZED (query));
  gst_delivery_query_parse_lost (query, &track, &names, &playlist, &revision);
  fail_unless_equals_string (track, "high");
  fail_unless_equals_int (g_strv_length (names), 2);
  fail_unless_equals_string (names[1], "a_2.ts");
  fail_unless_equals_string (playlist, "a.m3u8");
  fail_unless_equals_uint64 (revision, 9);
  g_strfreev (names);

  fail_unless (gst_delivery_query_get_playlist (query) == NULL);
  gst_delivery_query_set_playlist (query, gst_delivery_buffer_new_object (&info, NULL));
  buffer = gst_delivery_query_get_playlist (query);
  fail_unless (buffer != NULL);
  gst_query_unref (query);
  ASSERT_MINI_OBJECT_REFCOUNT (buffer, "playlist", 1);
  gst_buffer_unref (buffer);

  query = gst_delivery_query_new_lost ("high", NULL, NULL, 0);
  gst_delivery_query_parse_lost (query, NULL, &names, &playlist, NULL);
  fail_unless_equals_int (g_strv_length (names), 0);
  fail_unless (playlist == NULL);
  g_strfreev (names);
  gst_query_unref (query);
}

GST_END_TEST;

GST_START_TEST (test_split_location)
{
  static const gchar *const cases[][3] = {
    {"https://host/live/curling", "https://host/live/", "curling"},
    {"https://host/live/", "https://host/live/", "index"},
    {"https://host/curling", "https://host/", "curling"},
    {"https://host/", "https://host/", "index"},
    {"https://host", "https://host/", "index"},
    {"https://host/my%20show", "https://host/", "my show"},
    {"https://host/a%2Fb", "https://host/", "a%2Fb"},
    {"https://host/100%", "https://host/", "100%"},
    {"file:///srv/live/a", "file:///srv/live/", "a"},
    {"/srv/live/a", "/srv/live/", "a"},
    {"/srv/a%20b", "/srv/", "a%20b"},
    {"/srv/a://b", "/srv/a://", "b"},
    {"live/a", "live/", "a"},
    {"a", "", "a"},
    {"/", "/", "index"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *folder, *base;

    gst_delivery_split_location (cases[i][0], &folder, &base);
    fail_unless_equals_string (folder, cases[i][1]);
    fail_unless_equals_string (base, cases[i][2]);
    g_free (folder);
    g_free (base);
  }
}

GST_END_TEST;

static Suite *
delivery_object_suite (void)
{
  Suite *s = suite_create ("deliveryobject");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_kind_names_round_trip);
  tcase_add_test (tc, test_info_round_trips_and_survives_a_copy);
  tcase_add_test (tc, test_unknown_size_and_missing_name);
  tcase_add_test (tc, test_names_that_leave_the_folder_are_refused);
  tcase_add_test (tc, test_bad_metas_are_named);
  tcase_add_test (tc, test_destination_query);
  tcase_add_test (tc, test_lost_query);
  tcase_add_test (tc, test_split_location);
  return s;
}

GST_CHECK_MAIN (delivery_object);
