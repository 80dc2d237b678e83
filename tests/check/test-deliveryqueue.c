/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scheduler without threads and with a clock of its own. Rules by number are
 * those of docs/architecture.md.
 */
#include <gst/check/gstcheck.h>
#include "gstdeliveryqueue.h"
#include "gstdeliveryassembly.h"

#define S GST_SECOND

static GstDeliveryQueue *q;
static GstClockTime now;
static GstClockTime due;

static const GstDeliveryQueueConfig live_config = {
  .live = TRUE,
  .cache_duration = 300 * S,
  .cache_bytes = 1 << 30,
  .retry_interval = S,
  .num_retries = 10,
  .restart_delay = 15 * S,
  .timeout = 10 * S,
};

static void
setup (void)
{
  now = 1000 * S;
  q = gst_delivery_queue_new (&live_config);
}

static void
teardown (void)
{
  gst_delivery_queue_free (q);
}

static GstDeliveryObject *
make_full (GstDeliveryKind kind, const gchar * track, const gchar * name, guint64 sequence, gsize size,
    GstClockTime duration, guint64 losses)
{
  GstDeliveryInfo info = {
    .name = name, .kind = kind, .track = track, .sequence = sequence, .size = GST_DELIVERY_SIZE_UNKNOWN,
    .duration = duration, .losses = losses, .created = now / 1000,
  };
  GBytes *bytes = size ? g_bytes_new_take (g_malloc0 (size), size) : NULL;
  GstDeliveryObject *object = gst_delivery_object_new_whole (gst_delivery_buffer_new_object (&info, bytes), NULL);

  fail_unless (object != NULL);
  return object;
}

static void
push_segment (const gchar * track, const gchar * name)
{
  gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_SEGMENT, track, name, 0, 100, 6 * S, 0), now);
}

static void
push_playlist (const gchar * track, guint64 revision, guint64 losses)
{
  g_autofree gchar *name = g_strconcat (track, ".m3u8", NULL);

  gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_PLAYLIST, track, name, revision, 10, 6 * S, losses), now);
}

static void
push_multivariant (void)
{
  gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_MULTIVARIANT, "", "index.m3u8", 1, 10, 6 * S, 0), now);
}

static void
push_delete (const gchar * track, const gchar * name, guint64 revision, GstClockTime hold)
{
  gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_DELETE, track, name, revision, 0, hold, 0), now);
}

static GstDeliveryJob *
next (void)
{
  return gst_delivery_queue_next (q, now, &due);
}

static const gchar *
name_of (const GstDeliveryJob * job)
{
  return job->object ? gst_delivery_object_get_info (job->object)->name : "";
}

/* The next job must be this one. */
static GstDeliveryJob *
expect (GstDeliveryJobType type, const gchar * name, guint64 sequence)
{
  GstDeliveryJob *job = next ();

  fail_unless (job != NULL, "nothing to do, expected %s", name);
  fail_unless (job->type == type && strcmp (name_of (job), name) == 0, "got %d %s, expected %d %s", job->type,
      name_of (job), type, name);
  if (job->object)
    fail_unless_equals_uint64 (gst_delivery_object_get_info (job->object)->sequence, sequence);
  return job;
}

#define expect_publish(name, sequence) expect (GST_DELIVERY_JOB_PUBLISH, name, sequence)

static void
expect_nothing (void)
{
  GstDeliveryJob *job = next ();

  fail_unless (job == NULL, "unexpected %d %s", job->type, name_of (job));
}

static void
end (GstDeliveryJob * job, GstDeliveryVerdict verdict)
{
  GstDeliveryResult result = {.verdict = verdict, .retry_after = GST_CLOCK_TIME_NONE };

  if (verdict != GST_DELIVERY_PUBLISHED)
    result.message = g_strdup ("scripted");
  gst_delivery_queue_finish (q, job, &result, now);
  g_free (result.message);
}

static void
publish (const gchar * name, guint64 sequence)
{
  end (expect_publish (name, sequence), GST_DELIVERY_PUBLISHED);
}

/* Passes a plain report of these losses, comma separated. */
static void
report (const gchar * names)
{
  GstDeliveryJob *job = expect (GST_DELIVERY_JOB_REPORT, "", 0);
  g_autofree gchar *told = g_strjoinv (",", job->lost);

  fail_unless_equals_string (told, names);
  gst_delivery_queue_finish_report (q, job, NULL);
}

/* Pops messages until one of this name; checks one string field of it. */
static void
expect_message (const gchar * name, const gchar * field, const gchar * value)
{
  GstStructure *s;

  while ((s = gst_delivery_queue_pop_message (q)) && !gst_structure_has_name (s, name))
    gst_structure_free (s);
  fail_unless (s != NULL, "no message %s", name);
  fail_unless (strstr (gst_structure_get_string (s, field), value) != NULL, "%s is %s, expected %s", field,
      gst_structure_get_string (s, field), value);
  gst_structure_free (s);
}

static void
assert_stat (const gchar * field, guint64 expected)
{
  GstStructure *stats = gst_delivery_queue_get_stats (q);
  guint64 value;

  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  fail_unless (value == expected, "%s is %" G_GUINT64_FORMAT ", expected %" G_GUINT64_FORMAT, field, value, expected);
  gst_structure_free (stats);
}

static void
assert_state (const gchar * expected)
{
  GstStructure *stats = gst_delivery_queue_get_stats (q);

  fail_unless_equals_string (gst_structure_get_string (stats, "state"), expected);
  gst_structure_free (stats);
}

/* --- order --- */

GST_START_TEST (test_media_goes_in_order_of_arrival_side_by_side)
{
  GstDeliveryJob *a, *b;

  push_segment ("a", "a1");
  push_segment ("b", "b1");
  push_segment ("a", "a2");
  a = expect_publish ("a1", 0);
  b = expect_publish ("b1", 0);
  end (b, GST_DELIVERY_PUBLISHED);
  publish ("a2", 0);
  end (a, GST_DELIVERY_PUBLISHED);
  expect_nothing ();
  assert_stat ("segments-published", 3);
  assert_stat ("bytes-published", 300);
}

GST_END_TEST;

GST_START_TEST (test_rule_2_playlist_waits_for_all_media_before_it)
{
  GstDeliveryJob *a1, *a2;

  push_segment ("a", "a1");
  push_segment ("a", "a2");
  push_playlist ("a", 2, 0);
  push_segment ("a", "a3");
  a1 = expect_publish ("a1", 0);
  a2 = expect_publish ("a2", 0);
  end (a2, GST_DELIVERY_PUBLISHED);
  end (expect_publish ("a3", 0), GST_DELIVERY_PUBLISHED);
  expect_nothing ();            /* a1 is still under way */
  end (a1, GST_DELIVERY_PUBLISHED);
  publish ("a.m3u8", 2);
}

GST_END_TEST;

GST_START_TEST (test_rule_2_failed_media_holds_its_playlist_and_no_other)
{
  push_segment ("a", "a1");
  push_playlist ("a", 1, 0);
  push_segment ("b", "b1");
  push_playlist ("b", 1, 0);
  push_segment ("c", "c1");
  push_segment ("c", "c2");
  {
    GstDeliveryJob *a1 = expect_publish ("a1", 0);

    publish ("b1", 0);
    publish ("b.m3u8", 1);
    end (a1, GST_DELIVERY_FAILED);
  }
  /* the second failure of a1 is its own: c does not release it, and nothing releases a.m3u8 */
  publish ("c1", 0);
  now += GST_MSECOND;
  end (expect_publish ("a1", 0), GST_DELIVERY_FAILED);
  publish ("c2", 0);
  expect_nothing ();
  now += 10 * S;
  publish ("a1", 0);
  publish ("a.m3u8", 1);
}

GST_END_TEST;

GST_START_TEST (test_rule_2_multivariant_waits_for_each_track)
{
  push_segment ("a", "a1");
  push_segment ("b", "b1");
  push_playlist ("a", 1, 0);
  push_playlist ("b", 1, 0);
  push_multivariant ();
  push_segment ("c", "c1");     /* appears later: not waited for */
  push_playlist ("c", 1, 0);
  publish ("a1", 0);
  publish ("a.m3u8", 1);
  publish ("b1", 0);
  end (expect_publish ("b.m3u8", 1), GST_DELIVERY_FAILED);
  now += 3 * S;
  publish ("b.m3u8", 1);
  publish ("index.m3u8", 1);
  publish ("c1", 0);
  publish ("c.m3u8", 1);
}

GST_END_TEST;

GST_START_TEST (test_playlists_go_before_media)
{
  push_segment ("a", "a1");
  publish ("a1", 0);
  push_segment ("b", "b1");
  push_playlist ("a", 1, 0);
  publish ("a.m3u8", 1);
  publish ("b1", 0);
}

GST_END_TEST;

GST_START_TEST (test_same_name_never_overlaps)
{
  GstDeliveryJob *earlier;

  push_segment ("a", "x");
  push_segment ("a", "x");
  earlier = expect_publish ("x", 0);
  expect_nothing ();
  end (earlier, GST_DELIVERY_FAILED);
  now += 2 * S;
  publish ("x", 0);
  publish ("x", 0);
  expect_nothing ();
}

GST_END_TEST;

/* --- playlists --- */

GST_START_TEST (test_rule_3_newest_eligible_playlist_wins)
{
  push_segment ("a", "a1");
  push_playlist ("a", 1, 0);
  push_segment ("a", "a2");
  push_playlist ("a", 2, 0);
  publish ("a1", 0);
  {
    /* 2 waits for a2: 1 is not superseded by what may not go yet */
    GstDeliveryJob *one = expect_publish ("a.m3u8", 1);
    GstDeliveryJob *a2 = expect_publish ("a2", 0);

    end (a2, GST_DELIVERY_PUBLISHED);
    push_playlist ("a", 3, 0);
    expect_nothing ();          /* one writer for each name */
    end (one, GST_DELIVERY_FAILED);
  }
  now += 2 * S;
  publish ("a.m3u8", 3);        /* not 1 again, nor 2 */
  expect_nothing ();
  assert_stat ("playlists-published", 1);
}

GST_END_TEST;

GST_START_TEST (test_rule_3_never_back_to_an_older_revision)
{
  push_playlist ("a", 5, 0);
  publish ("a.m3u8", 5);
  push_playlist ("a", 4, 0);
  expect_nothing ();
  push_playlist ("a", 5, 0);
  publish ("a.m3u8", 5);
  assert_stat ("backlog-objects", 0);
}

GST_END_TEST;

GST_START_TEST (test_rule_3_playlists_are_never_given_up)
{
  guint i;

  gst_delivery_queue_get_config (q)->num_retries = 1000;
  push_playlist ("a", 1, 0);
  for (i = 0; i < 200; i++) {
    end (expect_publish ("a.m3u8", 1), GST_DELIVERY_FAILED);
    now += 7 * S;
  }
  publish ("a.m3u8", 1);
  assert_stat ("lost", 0);
}

GST_END_TEST;

GST_START_TEST (test_playlist_backlog_stays_small)
{
  guint i;

  push_segment ("a", "a1");
  for (i = 1; i <= 100; i++)
    push_playlist ("a", i, 0);
  assert_stat ("backlog-objects", 2);
  publish ("a1", 0);
  publish ("a.m3u8", 100);
  expect_nothing ();
}

GST_END_TEST;

GST_START_TEST (test_limits_of_attempts)
{
  GstDeliveryJob *job;

  push_segment ("a", "a1");
  job = expect_publish ("a1", 0);
  fail_unless_equals_uint64 (job->limit, now + 300 * S);        /* the deadline */
  end (job, GST_DELIVERY_FAILED);
  now += 295 * S;
  job = expect_publish ("a1", 0);
  fail_unless_equals_uint64 (job->limit, now + 10 * S); /* always some time */
  end (job, GST_DELIVERY_PUBLISHED);
  push_playlist ("a", 1, 0);
  job = expect_publish ("a.m3u8", 1);
  fail_unless_equals_uint64 (job->limit, now + 6 * S);  /* the target duration */
  end (job, GST_DELIVERY_PUBLISHED);
  gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_PLAYLIST, "a", "a.m3u8", 2, 10, S, 0), now);
  job = expect_publish ("a.m3u8", 2);
  fail_unless_equals_uint64 (job->limit, now + 2 * S);
  end (job, GST_DELIVERY_PUBLISHED);
}

GST_END_TEST;

/* --- losses --- */

GST_START_TEST (test_rule_4_refused_media_is_told_and_its_playlist_written_again)
{
  GstDeliveryJob *job;

  push_segment ("a", "a1");
  push_playlist ("a", 1, 0);
  end (expect_publish ("a1", 0), GST_DELIVERY_REFUSED);
  expect_message ("delivery-lost", "name", "a1");
  report ("a1");

  job = expect (GST_DELIVERY_JOB_REPORT, "a.m3u8", 1);
  fail_unless_equals_int (g_strv_length (job->lost), 0);
  expect_nothing ();
  gst_delivery_queue_finish_report (q, job, make_full (GST_DELIVERY_KIND_PLAYLIST, "a", "a.m3u8", 1, 20, 6 * S, 1));
  job = expect_publish ("a.m3u8", 1);
  fail_unless_equals_uint64 (gst_delivery_object_get_size (job->object), 20);
  end (job, GST_DELIVERY_PUBLISHED);

  push_playlist ("a", 2, 1);    /* its writer knows by now */
  publish ("a.m3u8", 2);
  assert_stat ("lost", 1);
}

GST_END_TEST;

GST_START_TEST (test_rule_4_no_playlist_goes_while_a_loss_is_being_told)
{
  GstDeliveryJob *report_job, *b;

  push_segment ("a", "a1");
  push_playlist ("a", 1, 0);
  push_playlist ("b", 1, 0);
  b = expect_publish ("b.m3u8", 1);
  end (expect_publish ("a1", 0), GST_DELIVERY_REFUSED);
  report_job = expect (GST_DELIVERY_JOB_REPORT, "", 0);
  expect_nothing ();
  end (b, GST_DELIVERY_PUBLISHED);
  expect_nothing ();
  gst_delivery_queue_finish_report (q, report_job, NULL);
  gst_delivery_queue_finish_report (q, expect (GST_DELIVERY_JOB_REPORT, "a.m3u8", 1), NULL);
  publish ("a.m3u8", 1);        /* nobody wrote it again: as it is */
}

GST_END_TEST;

GST_START_TEST (test_rule_4_loss_during_a_rewrite_asks_again)
{
  GstDeliveryJob *rewrite, *a2;

  push_segment ("a", "a1");
  push_playlist ("a", 1, 0);
  push_segment ("a", "a2");
  a2 = NULL;
  end (expect_publish ("a1", 0), GST_DELIVERY_REFUSED);
  report ("a1");
  rewrite = expect (GST_DELIVERY_JOB_REPORT, "a.m3u8", 1);
  a2 = expect_publish ("a2", 0);
  end (a2, GST_DELIVERY_REFUSED);
  expect_nothing ();            /* one report of a track at a time */
  gst_delivery_queue_finish_report (q, rewrite,
      make_full (GST_DELIVERY_KIND_PLAYLIST, "a", "a.m3u8", 1, 10, 6 * S, 1));
  report ("a2");
  rewrite = expect (GST_DELIVERY_JOB_REPORT, "a.m3u8", 1);
  gst_delivery_queue_finish_report (q, rewrite,
      make_full (GST_DELIVERY_KIND_PLAYLIST, "a", "a.m3u8", 1, 10, 6 * S, 2));
  publish ("a.m3u8", 1);
}

GST_END_TEST;

GST_START_TEST (test_rule_4_object_that_never_became_whole)
{
  GstDeliveryObject *broken = make_full (GST_DELIVERY_KIND_SEGMENT, "a", "a1", 1, 10, 6 * S, 0);

  gst_delivery_queue_lose (q, broken, "a hole");
  gst_delivery_object_unref (broken);
  expect_message ("delivery-lost", "reason", "a hole");
  report ("a1");
  gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_SEGMENT, "a", "a2", 2, 0, 6 * S, 0), now);
  expect_message ("delivery-lost", "reason", "empty");
  report ("a2");
}

GST_END_TEST;

GST_START_TEST (test_rule_4_writer_that_knows_of_an_earlier_run)
{
  push_playlist ("a", 1, 5);    /* told of five losses before this sink began */
  publish ("a.m3u8", 1);
  push_segment ("a", "a1");
  push_playlist ("a", 2, 5);
  end (expect_publish ("a1", 0), GST_DELIVERY_REFUSED);
  report ("a1");
  gst_delivery_queue_finish_report (q, expect (GST_DELIVERY_JOB_REPORT, "a.m3u8", 2), NULL);
  publish ("a.m3u8", 2);
}

GST_END_TEST;

GST_START_TEST (test_deadline_while_waiting_and_at_failure)
{
  GstDeliveryJob *job;

  gst_delivery_queue_get_config (q)->cache_duration = 20 * S;
  push_segment ("a", "a1");
  push_segment ("b", "b1");
  job = expect_publish ("a1", 0);
  end (expect_publish ("b1", 0), GST_DELIVERY_FAILED);
  now += 20 * S - 1;
  end (job, GST_DELIVERY_FAILED);       /* began before the last failure: it overlaps */
  assert_stat ("lost", 0);
  now += 1;
  report ("a1");                /* both are past their deadline now */
  report ("b1");
  expect_message ("delivery-lost", "reason", "20 s, the last attempt: scripted");
  assert_stat ("lost", 2);
}

GST_END_TEST;

GST_START_TEST (test_next_deadline_is_due)
{
  push_segment ("a", "a1");
  end (expect_publish ("a1", 0), GST_DELIVERY_FAILED);
  gst_delivery_queue_get_config (q)->cache_duration = S / 4;
  expect_nothing ();
  fail_unless_equals_uint64 (due, now + S / 4);
}

GST_END_TEST;

GST_START_TEST (test_no_cache_means_one_attempt)
{
  gst_delivery_queue_get_config (q)->cache_duration = 0;
  push_segment ("a", "a1");
  now += 9 * S;                 /* may wait for its attempt */
  end (expect_publish ("a1", 0), GST_DELIVERY_FAILED);
  report ("a1");
  assert_stat ("lost", 1);
}

GST_END_TEST;

GST_START_TEST (test_not_live_has_no_deadline)
{
  gst_delivery_queue_get_config (q)->live = FALSE;
  push_segment ("a", "a1");
  end (expect_publish ("a1", 0), GST_DELIVERY_FAILED);
  now += 100000 * S;
  publish ("a1", 0);
}

GST_END_TEST;

GST_START_TEST (test_rule_5_live_cache_is_bounded_and_always_has_room)
{
  GstDeliveryObject *object = make_full (GST_DELIVERY_KIND_SEGMENT, "a", "x", 0, 100, 6 * S, 0);
  GstDeliveryJob *a0;
  guint i;

  gst_delivery_queue_get_config (q)->cache_bytes = 1000;
  push_segment ("a", "a0");
  a0 = expect_publish ("a0", 0);
  for (i = 1; i < 50; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);

    fail_unless (gst_delivery_queue_has_room (q, object));
    push_segment ("a", name);
  }
  assert_stat ("backlog-bytes", 1000);
  assert_stat ("lost", 40);
  expect_message ("delivery-lost", "name", "a1");       /* the oldest that is not under way */
  end (a0, GST_DELIVERY_PUBLISHED);

  gst_delivery_queue_get_config (q)->cache_duration = 12 * S;
  push_segment ("a", "b1");     /* now the seconds bound it */
  assert_stat ("backlog-objects", 2);
  push_segment ("b", "c1");     /* of each track */
  assert_stat ("backlog-objects", 3);
  gst_delivery_object_unref (object);
}

GST_END_TEST;

GST_START_TEST (test_rule_5_not_live_pipeline_is_held_back)
{
  GstDeliveryObject *segment = make_full (GST_DELIVERY_KIND_SEGMENT, "a", "x", 0, 100, 6 * S, 0);
  GstDeliveryObject *playlist = make_full (GST_DELIVERY_KIND_PLAYLIST, "a", "p", 1, 100, 6 * S, 0);
  GstDeliveryObject *large = make_full (GST_DELIVERY_KIND_SEGMENT, "b", "y", 0, 1000, 6 * S, 0);

  gst_delivery_queue_get_config (q)->live = FALSE;
  gst_delivery_queue_get_config (q)->cache_bytes = 500;
  gst_delivery_queue_get_config (q)->cache_duration = 12 * S;
  fail_unless (gst_delivery_queue_has_room (q, large)); /* one is always admitted */
  push_segment ("a", "a1");
  fail_unless (gst_delivery_queue_has_room (q, segment));
  fail_if (gst_delivery_queue_has_room (q, large));
  push_segment ("a", "a2");
  fail_if (gst_delivery_queue_has_room (q, segment));   /* 18 s would wait */
  fail_unless (gst_delivery_queue_has_room (q, playlist));
  publish ("a1", 0);
  fail_unless (gst_delivery_queue_has_room (q, segment));
  assert_stat ("lost", 0);
  gst_delivery_object_unref (segment);
  gst_delivery_object_unref (playlist);
  gst_delivery_object_unref (large);
}

GST_END_TEST;

/* --- deletes --- */

GST_START_TEST (test_rule_6_deletes_wait_for_the_playlist_and_its_hold)
{
  GstDeliveryJob *earlier;

  push_playlist ("a", 5, 0);
  publish ("a.m3u8", 5);
  push_delete ("a", "a1", 6, 30 * S);
  push_delete ("a", "a0", 4, 30 * S);
  expect_nothing ();            /* a0 since 5 went out, a1 not yet */
  fail_unless_equals_uint64 (due, now + 30 * S);
  now += 10 * S;
  push_playlist ("a", 6, 0);
  publish ("a.m3u8", 6);
  now += 20 * S;
  earlier = expect (GST_DELIVERY_JOB_REMOVE, "a0", 4);
  now += 10 * S;
  expect_nothing ();            /* one at a time */
  end (earlier, GST_DELIVERY_PUBLISHED);
  end (expect (GST_DELIVERY_JOB_REMOVE, "a1", 6), GST_DELIVERY_PUBLISHED);
  assert_stat ("deleted", 2);
}

GST_END_TEST;

GST_START_TEST (test_rule_6_deletes_come_last)
{
  push_playlist ("a", 5, 0);
  publish ("a.m3u8", 5);
  push_delete ("a", "a0", 5, 0);
  push_segment ("a", "a9");
  push_playlist ("b", 1, 0);
  publish ("b.m3u8", 1);
  publish ("a9", 0);
  end (expect (GST_DELIVERY_JOB_REMOVE, "a0", 5), GST_DELIVERY_PUBLISHED);
}

GST_END_TEST;

GST_START_TEST (test_rule_6_a_failing_playlist_keeps_what_it_names)
{
  push_playlist ("a", 5, 0);
  push_delete ("a", "a0", 5, 0);
  end (expect_publish ("a.m3u8", 5), GST_DELIVERY_FAILED);
  expect_nothing ();
  now += 2 * S;
  publish ("a.m3u8", 5);
  end (expect (GST_DELIVERY_JOB_REMOVE, "a0", 5), GST_DELIVERY_PUBLISHED);
}

GST_END_TEST;

GST_START_TEST (test_rule_6_failing_deletes_are_given_up_and_are_no_error)
{
  guint i;

  gst_delivery_queue_get_config (q)->num_retries = 0;
  push_playlist ("a", 5, 0);
  publish ("a.m3u8", 5);
  push_delete ("a", "a0", 5, 0);
  for (i = 0; i < 4; i++) {
    end (expect (GST_DELIVERY_JOB_REMOVE, "a0", 5), GST_DELIVERY_FAILED);
    now += 7 * S;
  }
  expect_nothing ();
  assert_state ("publishing");
  assert_stat ("deleted", 0);
}

GST_END_TEST;

GST_START_TEST (test_rule_6_what_is_published_again_is_not_deleted)
{
  GstDeliveryJob *removing;

  push_playlist ("a", 5, 0);
  publish ("a.m3u8", 5);
  push_delete ("a", "x", 5, 10 * S);
  push_segment ("a", "x");
  publish ("x", 0);
  now += 60 * S;
  expect_nothing ();

  push_delete ("a", "y", 5, 0);
  removing = expect (GST_DELIVERY_JOB_REMOVE, "y", 5);
  push_segment ("a", "y");
  expect_nothing ();            /* the delete is under way: it must not land after */
  end (removing, GST_DELIVERY_PUBLISHED);
  publish ("y", 0);
}

GST_END_TEST;

/* --- retry --- */

GST_START_TEST (test_backoff_grows_jittered_to_four_intervals)
{
  static const guint factors[] = { 1, 2, 4, 4, 4 };
  guint i, run;
  GstClockTime shortest = G_MAXUINT64, longest = 0;

  for (run = 0; run < 40; run++) {
    GstDeliveryJob *job;

    push_segment ("a", "a1");
    job = expect_publish ("a1", 0);
    for (i = 0; i < G_N_ELEMENTS (factors); i++) {
      GstClockTime failed = now, f = factors[i] * S, wait;

      end (job, GST_DELIVERY_FAILED);
      while (!(job = next ()))
        now = due;
      wait = now - failed;
      fail_unless (wait >= f / 2 && wait <= f * 3 / 2, "%u: %" GST_TIME_FORMAT, i, GST_TIME_ARGS (wait));
      if (i == 0) {
        shortest = MIN (shortest, wait);
        longest = MAX (longest, wait);
      }
    }
    end (job, GST_DELIVERY_PUBLISHED);
  }
  fail_unless (longest - shortest > S / 4);     /* jitter */
}

GST_END_TEST;

GST_START_TEST (test_retry_after_is_honoured_up_to_the_deadline)
{
  GstDeliveryResult result = {.verdict = GST_DELIVERY_FAILED, .retry_after = 30 * S };

  push_segment ("a", "a1");
  push_playlist ("b", 1, 0);
  gst_delivery_queue_finish (q, expect_publish ("b.m3u8", 1), &result, now);
  now += 29 * S;
  publish ("a1", 0);            /* a success of others does not shorten it */
  expect_nothing ();
  fail_unless_equals_uint64 (due, now + S);
  now += S;
  result.retry_after = 86400 * S;
  gst_delivery_queue_finish (q, expect_publish ("b.m3u8", 1), &result, now);
  expect_nothing ();
  fail_unless_equals_uint64 (due, now + 300 * S);
}

GST_END_TEST;

GST_START_TEST (test_free_attempt_counts_nothing_once)
{
  GstDeliveryResult result = {.verdict = GST_DELIVERY_FAILED, .free_attempt = TRUE,
    .retry_after = GST_CLOCK_TIME_NONE
  };

  push_segment ("a", "a1");
  gst_delivery_queue_finish (q, expect_publish ("a1", 0), &result, now);
  assert_stat ("retries", 0);
  assert_state ("publishing");
  gst_delivery_queue_finish (q, expect_publish ("a1", 0), &result, now);        /* at once */
  assert_stat ("retries", 1);
  expect_nothing ();
}

GST_END_TEST;

GST_START_TEST (test_success_releases_what_waits)
{
  push_segment ("a", "a1");
  push_segment ("b", "b1");
  push_segment ("c", "c1");
  {
    GstDeliveryJob *a = expect_publish ("a1", 0), *b = expect_publish ("b1", 0);

    end (a, GST_DELIVERY_FAILED);
    assert_state ("retrying");
    end (b, GST_DELIVERY_FAILED);
  }
  publish ("c1", 0);
  assert_state ("publishing");
  publish ("a1", 0);
  publish ("b1", 0);
}

GST_END_TEST;

GST_START_TEST (test_one_bad_object_does_not_spin)
{
  guint i, attempts = 0;

  push_segment ("a", "bad");
  for (i = 0; i < 100; i++) {
    GstDeliveryJob *job;

    push_segment ("b", "good");
    while ((job = next ())) {
      gboolean bad = strcmp (name_of (job), "bad") == 0;

      attempts += bad;
      now += GST_MSECOND;
      end (job, bad ? GST_DELIVERY_FAILED : GST_DELIVERY_PUBLISHED);
    }
    now += S / 10;
  }
  fail_unless (attempts <= 8, "%u attempts in 10 s", attempts);
  assert_stat ("segments-published", 100);
}

GST_END_TEST;

GST_START_TEST (test_an_outage_is_probed_not_hammered)
{
  guint attempts = 0, i;
  GstClockTime start = now;
  GstDeliveryJob *probe;

  gst_delivery_queue_get_config (q)->num_retries = 1000;
  gst_delivery_queue_get_config (q)->cache_duration = 600 * S;
  for (i = 0; i < 100; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);

    push_segment ("a", name);
  }
  while (now < start + 60 * S) {
    GstDeliveryJob *job = next ();

    if (job) {
      now += GST_MSECOND;       /* refused at once */
      end (job, GST_DELIVERY_FAILED);
      attempts++;
    } else {
      now = due;
    }
  }
  fail_unless (attempts > 10 && attempts < 40, "%u attempts in a minute", attempts);
  while (!(probe = next ()))
    now = due;
  expect_nothing ();            /* one at a time */
  end (probe, GST_DELIVERY_PUBLISHED);
  for (i = 1; i < 50; i++)
    end (next (), GST_DELIVERY_PUBLISHED);
}

GST_END_TEST;

GST_START_TEST (test_failures_that_overlap_count_once)
{
  GstDeliveryJob *jobs[4];
  guint i;

  gst_delivery_queue_get_config (q)->num_retries = 1;
  for (i = 0; i < 4; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);

    push_segment ("a", name);
    jobs[i] = next ();
  }
  for (i = 0; i < 4; i++) {
    now += S;
    end (jobs[i], GST_DELIVERY_FAILED);
  }
  assert_state ("retrying");
  now += S;
  end (next (), GST_DELIVERY_FAILED);
  assert_state ("error");
}

GST_END_TEST;

GST_START_TEST (test_error_state_pauses_and_starts_anew)
{
  GstDeliveryJob *job;
  guint epoch;

  gst_delivery_queue_get_config (q)->num_retries = 1;
  push_segment ("a", "a1");
  job = expect_publish ("a1", 0);
  epoch = job->epoch;
  end (job, GST_DELIVERY_FAILED);
  now += 2 * S;
  end (expect_publish ("a1", 0), GST_DELIVERY_FAILED);
  expect_message ("delivery-state", "state", "retrying");
  expect_message ("delivery-state", "reason", "2 attempts in a row failed, the last one: scripted");
  assert_state ("error");
  push_playlist ("b", 1, 0);
  expect_nothing ();
  fail_unless_equals_uint64 (due, now + 15 * S);
  now += 15 * S;
  job = expect_publish ("b.m3u8", 1);
  fail_unless (job->epoch != epoch);    /* new connections */
  assert_state ("retrying");
  end (job, GST_DELIVERY_PUBLISHED);
  assert_state ("publishing");
  publish ("a1", 0);
}

GST_END_TEST;

GST_START_TEST (test_media_expires_while_in_error)
{
  gst_delivery_queue_get_config (q)->num_retries = 0;
  gst_delivery_queue_get_config (q)->cache_duration = 5 * S;
  push_segment ("a", "a1");
  end (expect_publish ("a1", 0), GST_DELIVERY_FAILED);
  assert_state ("error");
  expect_nothing ();
  fail_unless_equals_uint64 (due, now + 5 * S);
  now = due;
  report ("a1");
}

GST_END_TEST;

GST_START_TEST (test_no_restart_delay_stops_for_good)
{
  GstDeliveryJob *a2;

  gst_delivery_queue_get_config (q)->num_retries = 0;
  gst_delivery_queue_get_config (q)->restart_delay = 0;
  push_segment ("a", "a1");
  push_segment ("a", "a2");
  push_playlist ("a", 1, 0);
  a2 = NULL;
  {
    GstDeliveryJob *a1 = expect_publish ("a1", 0);

    a2 = expect_publish ("a2", 0);
    end (a1, GST_DELIVERY_FAILED);
  }
  expect_message ("delivery-state", "state", "stopped");
  expect_nothing ();
  fail_if (gst_delivery_queue_is_drained (q, now));
  end (a2, GST_DELIVERY_FAILED);
  fail_unless (gst_delivery_queue_is_drained (q, now));
  push_segment ("a", "a3");
  push_playlist ("a", 2, 0);
  expect_nothing ();
  assert_stat ("backlog-objects", 0);
  fail_unless (gst_delivery_queue_is_drained (q, now));
}

GST_END_TEST;

/* --- the end --- */

GST_START_TEST (test_rule_7_drained_means_all_is_published)
{
  fail_unless (gst_delivery_queue_is_drained (q, now));
  push_segment ("a", "a1");
  push_playlist ("a", 1, 0);
  push_multivariant ();
  push_delete ("a", "a0", 1, 60 * S);
  fail_if (gst_delivery_queue_is_drained (q, now));
  publish ("a1", 0);
  fail_if (gst_delivery_queue_is_drained (q, now));
  {
    GstDeliveryJob *playlist = expect_publish ("a.m3u8", 1);

    fail_if (gst_delivery_queue_is_drained (q, now));
    end (playlist, GST_DELIVERY_PUBLISHED);
  }
  fail_if (gst_delivery_queue_is_drained (q, now));
  publish ("index.m3u8", 1);
  fail_unless (gst_delivery_queue_is_drained (q, now)); /* the delete is not due */
  fail_if (gst_delivery_queue_is_drained (q, now + 60 * S));
}

GST_END_TEST;

GST_START_TEST (test_rule_7_hopeless_multivariant_is_not_waited_for)
{
  push_playlist ("a", 1, 0);
  push_multivariant ();
  end (expect_publish ("a.m3u8", 1), GST_DELIVERY_REFUSED);
  expect_nothing ();
  fail_unless (gst_delivery_queue_is_drained (q, now));
  gst_delivery_queue_abandon (q, "no playlist");
  expect_message ("delivery-lost", "name", "a.m3u8");
  expect_message ("delivery-lost", "name", "index.m3u8");
}

GST_END_TEST;

GST_START_TEST (test_rule_7_what_is_abandoned_is_lost)
{
  GstDeliveryJob *a1, *a2;

  push_segment ("a", "a1");
  push_segment ("a", "a2");
  push_segment ("a", "a3");
  push_playlist ("a", 3, 0);
  a1 = expect_publish ("a1", 0);
  a2 = expect_publish ("a2", 0);
  gst_delivery_queue_abandon (q, "the end");
  assert_stat ("lost", 2);      /* a3 and the playlist */
  end (a1, GST_DELIVERY_PUBLISHED);
  end (a2, GST_DELIVERY_FAILED);
  assert_stat ("lost", 3);
  assert_stat ("backlog-objects", 0);
}

GST_END_TEST;

GST_START_TEST (test_latency_percentiles)
{
  GstStructure *stats;
  guint64 p50, p99, last;
  guint i;

  for (i = 1; i <= 100; i++) {
    GstDeliveryJob *job;

    push_playlist ("a", i, 0);
    job = expect_publish ("a.m3u8", i);
    now += i * GST_MSECOND;
    end (job, GST_DELIVERY_PUBLISHED);
  }
  stats = gst_delivery_queue_get_stats (q);
  gst_structure_get (stats, "latency-p50", G_TYPE_UINT64, &p50, "latency-p99", G_TYPE_UINT64, &p99,
      "latency-last", G_TYPE_UINT64, &last, NULL);
  gst_structure_free (stats);
  fail_unless_equals_uint64 (p50, 50 * GST_MSECOND);
  fail_unless_equals_uint64 (p99, 99 * GST_MSECOND);
  fail_unless_equals_uint64 (last, 100 * GST_MSECOND);
}

GST_END_TEST;

/* --- everything at once: a writer of playlists, and a destination that does as it likes --- */

#define TRACKS 3
#define MAX_SEGMENTS 400

typedef struct {
  guint written;                /* segments so far */
  gboolean there[MAX_SEGMENTS]; /* at the destination */
  gboolean gap[MAX_SEGMENTS];   /* the writer was told */
  guint64 told;
  guint64 published_revision;
} World;

static gint
segment_number (const gchar * name)
{
  return atoi (strchr (name, '_') + 1);
}

/* What a playlist lists is snapshot as bytes: 1 there, 0 gap. */
static GstDeliveryObject *
write_playlist (World * w, const gchar * track, guint revision)
{
  g_autofree gchar *name = g_strconcat (track, ".m3u8", NULL);
  GstDeliveryInfo info = {.name = name,.kind = GST_DELIVERY_KIND_PLAYLIST,.track = track,.sequence = revision,
    .size = GST_DELIVERY_SIZE_UNKNOWN,.duration = 6 * S,.losses = w->told
  };
  guint8 *bytes = g_malloc (revision);
  guint i;

  for (i = 0; i < revision; i++)
    bytes[i] = !w->gap[i];
  return gst_delivery_object_new_whole (gst_delivery_buffer_new_object (&info, g_bytes_new_take (bytes, revision)),
      NULL);
}

/* The writer of the playlists is told. */
static void
hear_report (World * worlds, GstDeliveryJob * job)
{
  World *w = &worlds[*job->track - 'a'];
  GstDeliveryObject *playlist = NULL;
  guint i;

  for (i = 0; job->lost[i]; i++, w->told++)
    w->gap[segment_number (job->lost[i])] = TRUE;
  if (job->object)
    playlist = write_playlist (w, job->track, gst_delivery_object_get_info (job->object)->sequence);
  gst_delivery_queue_finish_report (q, job, playlist);
}

static void
check_published (World * w, GstDeliveryObject * object)
{
  const GstDeliveryInfo *info = gst_delivery_object_get_info (object);
  GstMemory *memory = gst_delivery_object_peek_memory (object, 0);
  GstMapInfo map;
  guint i;

  fail_unless (info->sequence >= w->published_revision, "rule 3: %s went back", info->name);
  w->published_revision = info->sequence;
  gst_memory_map (memory, &map, GST_MAP_READ);
  for (i = 0; i < map.size; i++)
    fail_unless (!map.data[i] || w->there[i], "rules 2, 4: %s lists %u, which is not there", info->name, i);
  gst_memory_unmap (memory, &map);
}

static void
run_random (guint seed)
{
  static const gchar *const tracks[TRACKS] = { "a", "b", "c" };
  World worlds[TRACKS] = { 0 };
  GstDeliveryJob *jobs[4] = { NULL };
  GRand *rand = g_rand_new_with_seed (seed);
  guint steps = 0, i;
  guint64 lost = 0;

  gst_delivery_queue_get_config (q)->cache_duration = (seed % 3) * 20 * S;
  gst_delivery_queue_get_config (q)->num_retries = 5;
  gst_delivery_queue_get_config (q)->cache_bytes = 2000;
  while (steps++ < 4000) {
    guint action = g_rand_int_range (rand, 0, 10);
    gboolean feeding = steps < 2500, outage = (steps / 500) % 3 == 1;

    if (feeding && action < 2) {
      guint t = g_rand_int_range (rand, 0, TRACKS);
      World *w = &worlds[t];
      g_autofree gchar *name = g_strdup_printf ("%s_%u", tracks[t], w->written);

      if (w->written < MAX_SEGMENTS) {
        gst_delivery_queue_push (q, make_full (GST_DELIVERY_KIND_SEGMENT, tracks[t], name, w->written, 100, 6 * S,
                0), now);
        w->written++;
        gst_delivery_queue_push (q, write_playlist (w, tracks[t], w->written), now);
      }
    } else if (action < 6) {
      guint j = g_rand_int_range (rand, 0, G_N_ELEMENTS (jobs));

      if (!jobs[j])
        jobs[j] = next ();
    } else if (action < 9) {
      guint j = g_rand_int_range (rand, 0, G_N_ELEMENTS (jobs));
      GstDeliveryJob *job = jobs[j];
      World *w;

      jobs[j] = NULL;
      if (!job)
        continue;
      if (job->type == GST_DELIVERY_JOB_REPORT) {
        hear_report (worlds, job);
      } else {
        const GstDeliveryInfo *info = gst_delivery_object_get_info (job->object);
        guint dice = g_rand_int_range (rand, 0, 100);
        GstDeliveryVerdict verdict = dice < (outage ? 95 : 20) ? GST_DELIVERY_FAILED : GST_DELIVERY_PUBLISHED;

        w = &worlds[*info->track - 'a'];
        if (dice == 99 && info->kind == GST_DELIVERY_KIND_SEGMENT)
          verdict = GST_DELIVERY_REFUSED;
        if (verdict == GST_DELIVERY_PUBLISHED) {
          if (info->kind == GST_DELIVERY_KIND_SEGMENT) {
            fail_if (w->gap[segment_number (info->name)], "rule 4: a lost segment was published");
            w->there[segment_number (info->name)] = TRUE;
          } else {
            check_published (w, job->object);
          }
        }
        end (job, verdict);
      }
    } else {
      now += g_rand_int_range (rand, 0, 2000) * GST_MSECOND;
    }
  }
  /* let it run dry */
  for (i = 0; i < G_N_ELEMENTS (jobs); i++) {
    if (jobs[i] && jobs[i]->type == GST_DELIVERY_JOB_REPORT) {
      hear_report (worlds, jobs[i]);
    } else if (jobs[i]) {
      end (jobs[i], GST_DELIVERY_FAILED);
    }
  }
  for (steps = 0; !gst_delivery_queue_is_drained (q, 0); steps++) {
    GstDeliveryJob *job = next ();

    fail_unless (steps < 10000, "does not run dry");
    if (!job) {
      fail_unless (GST_CLOCK_TIME_IS_VALID (due), "stuck");
      now = due;
    } else if (job->type == GST_DELIVERY_JOB_REPORT) {
      hear_report (worlds, job);
    } else {
      const GstDeliveryInfo *info = gst_delivery_object_get_info (job->object);
      World *w = &worlds[*info->track - 'a'];

      if (info->kind == GST_DELIVERY_KIND_SEGMENT)
        w->there[segment_number (info->name)] = TRUE;
      else
        check_published (w, job->object);
      end (job, GST_DELIVERY_PUBLISHED);
    }
  }
  for (i = 0; i < TRACKS; i++) {
    guint k;

    fail_unless_equals_uint64 (worlds[i].published_revision, worlds[i].written);
    for (k = 0; k < worlds[i].written; k++) {
      fail_unless (worlds[i].there[k] != worlds[i].gap[k], "%s_%u is neither there nor told lost", tracks[i], k);
      lost += worlds[i].gap[k];
    }
  }
  assert_stat ("lost", lost);
  fail_unless (lost > 0);
  g_rand_free (rand);
}

GST_START_TEST (test_rules_2_3_4_hold_under_random_failures)
{
  guint seed;

  for (seed = 0; seed < 60; seed++) {
    teardown ();
    setup ();
    run_random (seed);
  }
}

GST_END_TEST;

static Suite *
delivery_queue_suite (void)
{
  Suite *s = suite_create ("deliveryqueue");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_media_goes_in_order_of_arrival_side_by_side);
  tcase_add_test (tc, test_rule_2_playlist_waits_for_all_media_before_it);
  tcase_add_test (tc, test_rule_2_failed_media_holds_its_playlist_and_no_other);
  tcase_add_test (tc, test_rule_2_multivariant_waits_for_each_track);
  tcase_add_test (tc, test_playlists_go_before_media);
  tcase_add_test (tc, test_same_name_never_overlaps);
  tcase_add_test (tc, test_rule_3_newest_eligible_playlist_wins);
  tcase_add_test (tc, test_rule_3_never_back_to_an_older_revision);
  tcase_add_test (tc, test_rule_3_playlists_are_never_given_up);
  tcase_add_test (tc, test_playlist_backlog_stays_small);
  tcase_add_test (tc, test_limits_of_attempts);
  tcase_add_test (tc, test_rule_4_refused_media_is_told_and_its_playlist_written_again);
  tcase_add_test (tc, test_rule_4_no_playlist_goes_while_a_loss_is_being_told);
  tcase_add_test (tc, test_rule_4_loss_during_a_rewrite_asks_again);
  tcase_add_test (tc, test_rule_4_object_that_never_became_whole);
  tcase_add_test (tc, test_rule_4_writer_that_knows_of_an_earlier_run);
  tcase_add_test (tc, test_deadline_while_waiting_and_at_failure);
  tcase_add_test (tc, test_next_deadline_is_due);
  tcase_add_test (tc, test_no_cache_means_one_attempt);
  tcase_add_test (tc, test_not_live_has_no_deadline);
  tcase_add_test (tc, test_rule_5_live_cache_is_bounded_and_always_has_room);
  tcase_add_test (tc, test_rule_5_not_live_pipeline_is_held_back);
  tcase_add_test (tc, test_rule_6_deletes_wait_for_the_playlist_and_its_hold);
  tcase_add_test (tc, test_rule_6_deletes_come_last);
  tcase_add_test (tc, test_rule_6_a_failing_playlist_keeps_what_it_names);
  tcase_add_test (tc, test_rule_6_failing_deletes_are_given_up_and_are_no_error);
  tcase_add_test (tc, test_rule_6_what_is_published_again_is_not_deleted);
  tcase_add_test (tc, test_backoff_grows_jittered_to_four_intervals);
  tcase_add_test (tc, test_retry_after_is_honoured_up_to_the_deadline);
  tcase_add_test (tc, test_free_attempt_counts_nothing_once);
  tcase_add_test (tc, test_success_releases_what_waits);
  tcase_add_test (tc, test_one_bad_object_does_not_spin);
  tcase_add_test (tc, test_an_outage_is_probed_not_hammered);
  tcase_add_test (tc, test_failures_that_overlap_count_once);
  tcase_add_test (tc, test_error_state_pauses_and_starts_anew);
  tcase_add_test (tc, test_media_expires_while_in_error);
  tcase_add_test (tc, test_no_restart_delay_stops_for_good);
  tcase_add_test (tc, test_rule_7_drained_means_all_is_published);
  tcase_add_test (tc, test_rule_7_hopeless_multivariant_is_not_waited_for);
  tcase_add_test (tc, test_rule_7_what_is_abandoned_is_lost);
  tcase_add_test (tc, test_latency_percentiles);
  tcase_add_test (tc, test_rules_2_3_4_hold_under_random_failures);
  return s;
}

GST_CHECK_MAIN (delivery_queue);
