/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base sink with a destination that does what the test says: blocks, fails,
 * refuses. Rules by number are those of docs/architecture.md.
 */
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/delivery/gstdelivery.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define SECRET "s3cr3t-pa55"
#define WAIT_SECONDS 20

/* --- a destination that follows a script --- */

#define TEST_TYPE_SINK (test_sink_get_type ())
G_DECLARE_FINAL_TYPE (TestSink, test_sink, TEST, SINK, GstDeliverySink)

struct _TestSink {
  GstDeliverySink parent;
  GMutex lock;
  GCond cond;
  GHashTable *blocked;          /* names whose attempts wait */
  GHashTable *scripts;          /* name: GQueue of verdicts; then everything is published */
  GPtrArray *log;               /* "begin x", "end x", "cancel x", "remove x", "connect", "disconnect" */
  GHashTable *contents;         /* name: GBytes of what is there */
  GHashTable *writers;          /* name: number of attempts under way */
  gboolean overlapped;
  gboolean fail_open, bad_location, closed;
  GstDeliveryResult answer;     /* status and so on of scripted failures */
};

G_DEFINE_TYPE (TestSink, test_sink, GST_TYPE_DELIVERY_SINK);

static void
note (TestSink * self, const gchar * what, const gchar * name)
{
  g_ptr_array_add (self->log, g_strconcat (what, name ? " " : "", name, NULL));
  g_cond_broadcast (&self->cond);
}

static void
on_cancelled (GCancellable * cancellable, gpointer data)
{
  TestSink *self = data;

  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static GBytes *
object_bytes (GstDeliveryObject * object)
{
  GByteArray *array = g_byte_array_new ();
  guint i;

  for (i = 0; i < gst_delivery_object_n_memories (object); i++) {
    GstMapInfo map;

    fail_unless (gst_memory_map (gst_delivery_object_peek_memory (object, i), &map, GST_MAP_READ));
    g_byte_array_append (array, map.data, map.size);
    gst_memory_unmap (map.memory, &map);
  }
  return g_byte_array_free_to_bytes (array);
}

static void
attempt (TestSink * self, const gchar * name, GstDeliveryObject * object, GCancellable * cancellable,
    GstDeliveryResult * result)
{
  gulong handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), self, NULL);
  GQueue *script;
  guint writers;

  g_mutex_lock (&self->lock);
  writers = GPOINTER_TO_UINT (g_hash_table_lookup (self->writers, name)) + 1;
  self->overlapped |= writers > 1;
  g_hash_table_insert (self->writers, g_strdup (name), GUINT_TO_POINTER (writers));
  note (self, object ? "begin" : "remove", name);
  while (!g_cancellable_is_cancelled (cancellable)
      && (g_hash_table_contains (self->blocked, name) || g_hash_table_contains (self->blocked, "*")))
    g_cond_wait (&self->cond, &self->lock);
  script = g_hash_table_lookup (self->scripts, name);
  result->keep_connection = TRUE;
  if (g_cancellable_is_cancelled (cancellable)) {
    note (self, "cancel", name);
    gst_delivery_result_set (result, GST_DELIVERY_FAILED, 0, "cancelled");
  } else if (script && script->length > 0) {
    GstDeliveryVerdict verdict = GPOINTER_TO_UINT (g_queue_pop_head (script));

    note (self, "end", name);
    gst_delivery_result_set (result, verdict, self->answer.status, "scripted");
    result->keep_connection = self->answer.keep_connection;
    result->retry_after = self->answer.retry_after;
  } else {
    note (self, "end", name);
    if (object)
      g_hash_table_insert (self->contents, g_strdup (name), object_bytes (object));
    else
      g_hash_table_remove (self->contents, name);
    gst_delivery_result_set (result, GST_DELIVERY_PUBLISHED, 200, NULL);
  }
  g_hash_table_insert (self->writers, g_strdup (name), GUINT_TO_POINTER (writers - 1));
  g_mutex_unlock (&self->lock);
  g_cancellable_disconnect (cancellable, handler);
}

static void
test_sink_publish (GstDeliverySink * sink, gpointer connection, GstDeliveryObject * object,
    GCancellable * cancellable, GstDeliveryResult * result)
{
  attempt (TEST_SINK (sink), gst_delivery_object_get_info (object)->name, object, cancellable, result);
}

static void
test_sink_remove (GstDeliverySink * sink, gpointer connection, const gchar * name, GCancellable * cancellable,
    GstDeliveryResult * result)
{
  attempt (TEST_SINK (sink), name, NULL, cancellable, result);
}

static gpointer
test_sink_connect (GstDeliverySink * sink)
{
  TestSink *self = TEST_SINK (sink);

  g_mutex_lock (&self->lock);
  note (self, "connect", NULL);
  g_mutex_unlock (&self->lock);
  return g_strdup ("connection");
}

static void
test_sink_disconnect (GstDeliverySink * sink, gpointer connection)
{
  TestSink *self = TEST_SINK (sink);

  fail_unless_equals_string (connection, "connection");
  g_free (connection);
  g_mutex_lock (&self->lock);
  note (self, "disconnect", NULL);
  g_mutex_unlock (&self->lock);
}

static gboolean
test_sink_check_location (GstDeliverySink * sink, const gchar * location, GError ** error)
{
  if (!TEST_SINK (sink)->bad_location)
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "not a location");
  return FALSE;
}

static gboolean
test_sink_open (GstDeliverySink * sink, GError ** error)
{
  TEST_SINK (sink)->closed = FALSE;
  if (!TEST_SINK (sink)->fail_open)
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE, "cannot open");
  return FALSE;
}

static void
test_sink_close (GstDeliverySink * sink)
{
  TEST_SINK (sink)->closed = TRUE;
}

static void
test_sink_finalize (GObject * object)
{
  TestSink *self = TEST_SINK (object);

  g_hash_table_unref (self->blocked);
  g_hash_table_unref (self->scripts);
  g_hash_table_unref (self->contents);
  g_hash_table_unref (self->writers);
  g_ptr_array_unref (self->log);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (test_sink_parent_class)->finalize (object);
}

static void
test_sink_init (TestSink * self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->blocked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->scripts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_queue_free);
  self->contents = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  self->writers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->log = g_ptr_array_new_with_free_func (g_free);
  self->answer.retry_after = GST_CLOCK_TIME_NONE;
}

static void
test_sink_class_init (TestSinkClass * klass)
{
  GstDeliverySinkClass *sink_class = GST_DELIVERY_SINK_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_sink_finalize;
  sink_class->default_connections = 3;
  sink_class->check_location = test_sink_check_location;
  sink_class->open = test_sink_open;
  sink_class->close = test_sink_close;
  sink_class->connect = test_sink_connect;
  sink_class->disconnect = test_sink_disconnect;
  sink_class->publish = test_sink_publish;
  sink_class->remove = test_sink_remove;
  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "Test sink", "Sink", "Follows a script", "tests");
}

static void
block (TestSink * self, const gchar * name)
{
  g_mutex_lock (&self->lock);
  g_hash_table_add (self->blocked, g_strdup (name));
  g_mutex_unlock (&self->lock);
}

static void
unblock (TestSink * self, const gchar * name)
{
  g_mutex_lock (&self->lock);
  g_hash_table_remove (self->blocked, name);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static void
script (TestSink * self, const gchar * name, GstDeliveryVerdict verdict, guint times)
{
  GQueue *queue;

  g_mutex_lock (&self->lock);
  queue = g_hash_table_lookup (self->scripts, name);
  if (!queue) {
    queue = g_queue_new ();
    g_hash_table_insert (self->scripts, g_strdup (name), queue);
  }
  while (times-- > 0)
    g_queue_push_tail (queue, GUINT_TO_POINTER (verdict));
  g_mutex_unlock (&self->lock);
}

/* How often @what stands in the log. */
static guint
count (TestSink * self, const gchar * what)
{
  guint i, n = 0;

  g_mutex_lock (&self->lock);
  for (i = 0; i < self->log->len; i++)
    n += strcmp (g_ptr_array_index (self->log, i), what) == 0;
  g_mutex_unlock (&self->lock);
  return n;
}

static void
wait_for (TestSink * self, const gchar * what, guint times)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_lock (&self->lock);
  for (;;) {
    guint i, n = 0;

    for (i = 0; i < self->log->len; i++)
      n += strcmp (g_ptr_array_index (self->log, i), what) == 0;
    if (n >= times)
      break;
    fail_unless (g_cond_wait_until (&self->cond, &self->lock, end), "waited in vain for %u times \"%s\"", times, what);
  }
  g_mutex_unlock (&self->lock);
}

/* Index in the log of the first @what; fails without. */
static guint
position (TestSink * self, const gchar * what)
{
  guint i, found = G_MAXUINT;

  g_mutex_lock (&self->lock);
  for (i = 0; i < self->log->len && found == G_MAXUINT; i++) {
    if (strcmp (g_ptr_array_index (self->log, i), what) == 0)
      found = i;
  }
  g_mutex_unlock (&self->lock);
  fail_unless (found != G_MAXUINT, "no \"%s\"", what);
  return found;
}

static void
assert_content (TestSink * self, const gchar * name, const gchar * expected)
{
  GBytes *bytes;

  g_mutex_lock (&self->lock);
  bytes = g_hash_table_lookup (self->contents, name);
  fail_unless (bytes != NULL, "%s is not there", name);
  fail_unless (g_bytes_get_size (bytes) == strlen (expected)
      && memcmp (g_bytes_get_data (bytes, NULL), expected, strlen (expected)) == 0, "%s is %.*s", name,
      (int) g_bytes_get_size (bytes), (const gchar *) g_bytes_get_data (bytes, NULL));
  g_mutex_unlock (&self->lock);
}

/* --- a pipeline's place for it, with a packager upstream --- */

static struct
{
  GstHarness *h;
  TestSink *sink;
  GstBus *bus;
  GMutex lock;
  gboolean live, answers;
  GPtrArray *told;              /* names, as the packager was told */
} t;

static gboolean
packager_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  const gchar *track, *playlist;
  guint64 revision;
  gchar **lost;
  guint i;

  if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY) {
    gst_query_set_latency (query, t.live, 0, GST_CLOCK_TIME_NONE);
    return TRUE;
  }
  if (!gst_delivery_query_is_lost (query))
    return gst_pad_query_default (pad, parent, query);

  g_mutex_lock (&t.lock);
  gst_delivery_query_parse_lost (query, &track, &lost, &playlist, &revision);
  for (i = 0; lost[i]; i++)
    g_ptr_array_add (t.told, g_strdup (lost[i]));
  g_strfreev (lost);
  if (t.answers && playlist) {
    GString *text = g_string_new (NULL);
    GstDeliveryInfo info = {.name = playlist,.kind = GST_DELIVERY_KIND_PLAYLIST,.track = track,
      .sequence = revision,.size = GST_DELIVERY_SIZE_UNKNOWN,.duration = 6 * GST_SECOND,.losses = t.told->len
    };

    g_string_printf (text, "rev %" G_GUINT64_FORMAT " gaps", revision);
    for (i = 0; i < t.told->len; i++)
      g_string_append_printf (text, " %s", (gchar *) g_ptr_array_index (t.told, i));
    gst_delivery_query_set_playlist (query, gst_delivery_buffer_new_object (&info, g_string_free_to_bytes (text)));
  }
  g_mutex_unlock (&t.lock);
  return t.answers;
}

static void
setup (void)
{
  memset (&t, 0, sizeof t);
  g_mutex_init (&t.lock);
  t.live = t.answers = TRUE;
  t.told = g_ptr_array_new_with_free_func (g_free);
  t.sink = g_object_new (TEST_TYPE_SINK, "name", "out", "location", "test://host/live/channel", NULL);
  gst_object_ref_sink (t.sink);
  t.bus = gst_bus_new ();
  gst_element_set_bus (GST_ELEMENT (t.sink), t.bus);
}

static void
start (void)
{
  t.h = gst_harness_new_with_element (GST_ELEMENT (t.sink), "sink", NULL);
  gst_pad_set_query_function (t.h->srcpad, packager_query);
  gst_harness_set_src_caps_str (t.h, GST_DELIVERY_CAPS);
}

static void
teardown (void)
{
  if (t.h)
    gst_harness_teardown (t.h);
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  gst_element_set_bus (GST_ELEMENT (t.sink), NULL);
  gst_object_unref (t.bus);
  fail_if (t.sink->overlapped, "two attempts of one name at a time");
  ASSERT_OBJECT_REFCOUNT (t.sink, "sink", 1);
  gst_object_unref (t.sink);
  g_ptr_array_unref (t.told);
  g_mutex_clear (&t.lock);
}

static GstBuffer *
make (GstDeliveryKind kind, const gchar * track, const gchar * name, guint64 sequence, const gchar * text,
    guint64 losses)
{
  GstDeliveryInfo info = {.name = name,.kind = kind,.track = track,.sequence = sequence,
    .size = GST_DELIVERY_SIZE_UNKNOWN,.duration = kind == GST_DELIVERY_KIND_DELETE ? 0 : 6 * GST_SECOND,
    .losses = losses,.created = g_get_monotonic_time ()
  };

  return gst_delivery_buffer_new_object (&info, text ? g_bytes_new (text, strlen (text)) : NULL);
}

static void
push (GstBuffer * buffer)
{
  fail_unless_equals_int (gst_harness_push (t.h, buffer), GST_FLOW_OK);
}

static void
push_segment (const gchar * track, const gchar * name)
{
  push (make (GST_DELIVERY_KIND_SEGMENT, track, name, 1, name, 0));
}

static void
push_playlist (const gchar * track, const gchar * name, guint64 revision, guint64 losses)
{
  g_autofree gchar *text = g_strdup_printf ("rev %" G_GUINT64_FORMAT, revision);

  push (make (GST_DELIVERY_KIND_PLAYLIST, track, name, revision, text, losses));
}

/* The next message of @type; an element message of this name. Skips others. */
static GstMessage *
wait_message (GstMessageType type, const gchar * name)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;

  for (;;) {
    gint64 left = MAX (0, end - g_get_monotonic_time ());
    GstMessage *message = gst_bus_timed_pop (t.bus, left * GST_USECOND);

    fail_unless (message != NULL, "waited in vain for message %s %s", gst_message_type_get_name (type), name);
    if (GST_MESSAGE_TYPE (message) == type && (!name || gst_message_has_name (message, name)))
      return message;
    gst_message_unref (message);
  }
}

static void
wait_element (const gchar * name, const gchar * field, const gchar * value)
{
  for (;;) {
    GstMessage *message = wait_message (GST_MESSAGE_ELEMENT, name);
    gboolean found = strcmp (gst_structure_get_string (gst_message_get_structure (message), field), value) == 0;

    gst_message_unref (message);
    if (found)
      return;
  }
}

static void
wait_text (GstMessageType type, const gchar * part)
{
  GstMessage *message = wait_message (type, NULL);
  GError *error = NULL;

  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  fail_unless (strstr (error->message, part) != NULL, "\"%s\" does not say \"%s\"", error->message, part);
  g_error_free (error);
  gst_message_unref (message);
}

static guint64
stat_of (const gchar * field)
{
  GstStructure *stats;
  guint64 value;

  g_object_get (t.sink, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

/* EOS is through: everything is published or lost, and everything of it is on the bus. */
static void
eos (void)
{
  fail_unless (gst_harness_push_event (t.h, gst_event_new_eos ()));
}

/* --- rules --- */

GST_START_TEST (test_rule_1_nothing_is_published_before_it_is_whole)
{
  GstDeliveryInfo info = {.name = "a1",.kind = GST_DELIVERY_KIND_SEGMENT,.track = "a",.size = 9,
    .duration = GST_SECOND
  };
  static const gchar *const texts[] = { "abc", "defg", "hi" };
  guint i;
  guint64 offset = 0;

  start ();
  for (i = 0; i < G_N_ELEMENTS (texts); i++) {
    GstBuffer *buffer = gst_buffer_new_memdup (texts[i], strlen (texts[i]));

    GST_BUFFER_OFFSET (buffer) = offset;
    offset += strlen (texts[i]);
    gst_delivery_buffer_add_info (buffer, &info);
    if (i == 2) {
      fail_unless_equals_int (count (t.sink, "begin a1"), 0);
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
    }
    push (buffer);
    if (i < 2) {
      /* another object's fragments may stand in between */
      g_autofree gchar *other = g_strdup_printf ("b%u", i);

      push_segment ("b", other);
      wait_element ("delivery-published", "name", other);
    }
  }
  eos ();
  assert_content (t.sink, "a1", "abcdefghi");
  assert_content (t.sink, "b1", "b1");
}

GST_END_TEST;

GST_START_TEST (test_rule_2_listed_means_fetchable)
{
  start ();
  block (t.sink, "a1");
  push_segment ("a", "a1");
  push_segment ("a", "a2");
  push_playlist ("a", "a.m3u8", 2, 0);
  push_playlist ("b", "b.m3u8", 1, 0);
  wait_for (t.sink, "end a2", 1);
  wait_for (t.sink, "end b.m3u8", 1);
  fail_unless_equals_int (count (t.sink, "begin a.m3u8"), 0);
  unblock (t.sink, "a1");
  eos ();
  fail_unless (position (t.sink, "begin a.m3u8") > position (t.sink, "end a1"));
  assert_content (t.sink, "a.m3u8", "rev 2");
}

GST_END_TEST;

GST_START_TEST (test_rule_3_newest_playlist_wins)
{
  start ();
  g_object_set (t.sink, "connection-retry-interval", 0, NULL);
  block (t.sink, "a.m3u8");
  script (t.sink, "a.m3u8", GST_DELIVERY_FAILED, 1);    /* ambiguous: may still land */
  push_playlist ("a", "a.m3u8", 1, 0);
  wait_for (t.sink, "begin a.m3u8", 1);
  push_playlist ("a", "a.m3u8", 2, 0);
  push_playlist ("a", "a.m3u8", 3, 0);
  push_segment ("b", "b1");
  wait_element ("delivery-published", "name", "b1");
  fail_unless_equals_int (count (t.sink, "begin a.m3u8"), 1);
  unblock (t.sink, "a.m3u8");
  eos ();
  assert_content (t.sink, "a.m3u8", "rev 3");
  fail_unless_equals_int (count (t.sink, "begin a.m3u8"), 2);
  /* nothing of the late request may follow */
  fail_unless_equals_int (count (t.sink, "disconnect"), 1);
  fail_unless_equals_uint64 (stat_of ("playlists-published"), 1);
}

GST_END_TEST;

GST_START_TEST (test_rule_4_lost_is_said)
{
  GstMessage *message;
  const GstStructure *s;
  guint status;

  start ();
  t.sink->answer.status = 403;
  script (t.sink, "a1", GST_DELIVERY_REFUSED, 1);
  push_segment ("a", "a1");
  push_segment ("a", "a2");
  push_playlist ("a", "a.m3u8", 2, 0);
  wait_text (GST_MESSAGE_WARNING, "Lost segment \"a1\" of track \"a\": scripted");
  message = wait_message (GST_MESSAGE_ELEMENT, "delivery-lost");
  s = gst_message_get_structure (message);
  fail_unless_equals_string (gst_structure_get_string (s, "name"), "a1");
  fail_unless_equals_string (gst_structure_get_string (s, "kind"), "segment");
  fail_unless (gst_structure_get_uint (s, "status", &status));
  fail_unless_equals_int (status, 403);
  gst_message_unref (message);
  eos ();
  assert_content (t.sink, "a.m3u8", "rev 2 gaps a1");
  fail_unless_equals_int (t.told->len, 1);
  fail_unless_equals_int (count (t.sink, "begin a1"), 1);
  fail_unless_equals_uint64 (stat_of ("lost"), 1);
}

GST_END_TEST;

GST_START_TEST (test_rule_4_nobody_upstream_is_said_too)
{
  t.answers = FALSE;
  start ();
  script (t.sink, "a1", GST_DELIVERY_REFUSED, 1);
  push_segment ("a", "a1");
  push_playlist ("a", "a.m3u8", 1, 0);
  wait_text (GST_MESSAGE_WARNING, "Lost segment");
  wait_text (GST_MESSAGE_WARNING, "may list what is not there");
  eos ();
  assert_content (t.sink, "a.m3u8", "rev 1");
}

GST_END_TEST;

GST_START_TEST (test_rule_4_broken_objects_are_lost)
{
  GstDeliveryInfo info = {.name = "a1",.kind = GST_DELIVERY_KIND_SEGMENT,.track = "a",
    .size = GST_DELIVERY_SIZE_UNKNOWN
  };
  GstBuffer *buffer;
  guint i;

  start ();
  for (i = 0; i < 3; i++) {     /* a hole after the first fragment; the third is ignored */
    buffer = gst_buffer_new_memdup ("abc", 3);
    GST_BUFFER_OFFSET (buffer) = i * 4;
    gst_delivery_buffer_add_info (buffer, &info);
    push (buffer);
  }
  wait_element ("delivery-lost", "name", "a1");

  info.name = "a2";             /* not as long as it says */
  info.size = 5;
  push (gst_delivery_buffer_new_object (&info, g_bytes_new_static ("abc", 3)));
  wait_element ("delivery-lost", "name", "a2");

  info.name = "a3";             /* no bytes at all */
  info.size = 0;
  push (gst_delivery_buffer_new_object (&info, NULL));
  wait_element ("delivery-lost", "name", "a3");

  info.name = "a4";             /* still open when the playlist comes */
  info.size = 6;
  buffer = gst_buffer_new_memdup ("abc", 3);
  GST_BUFFER_OFFSET (buffer) = 0;
  gst_delivery_buffer_add_info (buffer, &info);
  push (buffer);
  push_playlist ("a", "a.m3u8", 4, 0);
  wait_element ("delivery-lost", "name", "a4");
  wait_element ("delivery-published", "name", "a.m3u8");

  push (gst_buffer_new ());     /* no meta: nobody can say whose loss it is */
  wait_text (GST_MESSAGE_WARNING, "no " GST_DELIVERY_META);

  info.name = "a5";             /* still open at EOS */
  buffer = gst_buffer_new_memdup ("abc", 3);
  GST_BUFFER_OFFSET (buffer) = 0;
  gst_delivery_buffer_add_info (buffer, &info);
  push (buffer);
  eos ();
  wait_element ("delivery-lost", "name", "a5");
  fail_unless_equals_uint64 (stat_of ("lost"), 5);
  fail_unless_equals_int (t.told->len, 5);
  assert_content (t.sink, "a.m3u8", "rev 4 gaps a1 a2 a3 a4");
}

GST_END_TEST;

GST_START_TEST (test_warnings_of_losses_are_counted_not_repeated)
{
  guint i, warnings = 0;
  GstMessage *message;

  start ();
  for (i = 0; i < 50; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);

    script (t.sink, name, GST_DELIVERY_REFUSED, 1);
    push_segment ("a", name);
  }
  eos ();
  while ((message = gst_bus_pop_filtered (t.bus, GST_MESSAGE_WARNING))) {
    GError *error = NULL;

    gst_message_parse_warning (message, &error, NULL);
    if (++warnings == 2)
      fail_unless (strstr (error->message, "49 more") != NULL, "%s", error->message);
    g_error_free (error);
    gst_message_unref (message);
  }
  fail_unless_equals_int (warnings, 2);
  fail_unless_equals_uint64 (stat_of ("lost"), 50);
}

GST_END_TEST;

GST_START_TEST (test_rule_5_live_pipeline_is_never_blocked)
{
  guint i;
  gint64 longest = 0;

  g_object_set (t.sink, "cache-bytes", (guint64) 1000, NULL);
  start ();
  block (t.sink, "*");
  for (i = 0; i < 500; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);
    gint64 before = g_get_monotonic_time ();

    push_segment ("a", name);
    push_playlist ("a", "a.m3u8", i, 0);
    longest = MAX (longest, g_get_monotonic_time () - before);
  }
  fail_unless (longest < G_TIME_SPAN_SECOND, "a push took %" G_GINT64_FORMAT " us", longest);
  fail_unless (stat_of ("backlog-bytes") < 10000);
  fail_unless (stat_of ("lost") > 100);
  unblock (t.sink, "*");
  eos ();
}

GST_END_TEST;

static gpointer
feed (gpointer data)
{
  guint i;
  GstFlowReturn ret = GST_FLOW_OK;

  for (i = 0; i < 20 && ret == GST_FLOW_OK; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);

    ret = gst_harness_push (t.h, make (GST_DELIVERY_KIND_SEGMENT, "a", name, i, name, 0));
    g_atomic_int_inc ((gint *) data);
  }
  return GINT_TO_POINTER (ret);
}

/* The feeding thread waits once nothing moves for a while that it could have moved in. */
static void
wait_until_held_back (gint * pushed)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;

  while (g_atomic_int_get (pushed) < 2) {
    fail_unless (g_get_monotonic_time () < end);
    g_thread_yield ();
  }
  for (end = g_get_monotonic_time () + G_TIME_SPAN_SECOND / 5; g_get_monotonic_time () < end;) {
    fail_unless (g_atomic_int_get (pushed) <= 3, "not held back");
    g_usleep (1000);
  }
}

GST_START_TEST (test_rule_5_not_live_pipeline_waits)
{
  GThread *thread;
  gint pushed = 0;

  t.live = FALSE;
  g_object_set (t.sink, "filecache-duration", 18, NULL);        /* three segments */
  start ();
  block (t.sink, "*");
  thread = g_thread_new ("feed", feed, &pushed);
  wait_until_held_back (&pushed);
  unblock (t.sink, "*");
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_OK);
  eos ();
  fail_unless_equals_uint64 (stat_of ("segments-published"), 20);
  fail_unless_equals_uint64 (stat_of ("lost"), 0);
}

GST_END_TEST;

GST_START_TEST (test_pipeline_held_back_pauses_flushes_and_stops)
{
  GThread *thread;
  gint pushed = 0;
  gint64 before;

  t.live = FALSE;
  g_object_set (t.sink, "filecache-duration", 18, NULL);
  start ();
  block (t.sink, "*");
  thread = g_thread_new ("feed", feed, &pushed);
  wait_until_held_back (&pushed);
  before = g_get_monotonic_time ();
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_PAUSED);
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_PLAYING);
  fail_unless (gst_pad_push_event (t.h->srcpad, gst_event_new_flush_start ()));
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fail_unless (gst_pad_push_event (t.h->srcpad, gst_event_new_flush_stop (TRUE)));
  fail_unless (g_get_monotonic_time () - before < 2 * G_TIME_SPAN_SECOND);

  gst_harness_push_event (t.h, gst_event_new_segment (&(GstSegment) {.rate = 1,.applied_rate = 1,
              .format = GST_FORMAT_TIME,.stop = -1,.duration = -1 }));
  pushed = 0;
  thread = g_thread_new ("feed", feed, &pushed);
  for (before = g_get_monotonic_time (); g_get_monotonic_time () < before + G_TIME_SPAN_SECOND / 10;)
    g_usleep (1000);
  before = g_get_monotonic_time ();
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fail_unless (g_get_monotonic_time () - before < 2 * G_TIME_SPAN_SECOND);
}

GST_END_TEST;

GST_START_TEST (test_rule_6_deletes_come_last)
{
  start ();
  block (t.sink, "a9");
  push_segment ("a", "a0");
  push_segment ("a", "a9");
  push (make (GST_DELIVERY_KIND_DELETE, "a", "a0", 9, NULL, 0));
  push_playlist ("a", "a.m3u8", 9, 0);
  wait_for (t.sink, "end a0", 1);
  wait_for (t.sink, "begin a9", 1);
  unblock (t.sink, "a9");
  wait_for (t.sink, "remove a0", 1);
  fail_unless (position (t.sink, "remove a0") > position (t.sink, "end a.m3u8"));
  fail_unless (position (t.sink, "remove a0") > position (t.sink, "end a9"));
  wait_for (t.sink, "end a0", 2);
  eos ();
  fail_unless_equals_uint64 (stat_of ("deleted"), 1);
}

GST_END_TEST;

static gpointer
unblock_later (gpointer data)
{
  wait_for (t.sink, "begin a.m3u8", 1);
  g_usleep (G_TIME_SPAN_SECOND / 5);    /* EOS must wait through this, whenever it comes */
  unblock (t.sink, "a.m3u8");
  return NULL;
}

GST_START_TEST (test_rule_7_eos_waits_for_everything)
{
  GThread *thread;
  guint published = 0;
  GstMessage *message;

  start ();
  block (t.sink, "a.m3u8");
  push_segment ("a", "a1");
  push_playlist ("a", "a.m3u8", 1, 0);
  push (make (GST_DELIVERY_KIND_MULTIVARIANT, "", "index.m3u8", 1, "mv", 0));
  thread = g_thread_new ("unblock", unblock_later, NULL);
  eos ();
  assert_content (t.sink, "index.m3u8", "mv");
  g_thread_join (thread);
  while ((message = gst_bus_pop (t.bus))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      fail_unless_equals_int (published, 3);    /* all was said before */
    published += gst_message_has_name (message, "delivery-published");
    gst_message_unref (message);
  }
  fail_unless_equals_int (published, 3);
}

GST_END_TEST;

GST_START_TEST (test_rule_7_drain_timeout_bounds_eos)
{
  gint64 before;

  g_object_set (t.sink, "drain-timeout", 1, NULL);
  start ();
  block (t.sink, "a1");
  push_segment ("a", "a1");
  push_playlist ("a", "a.m3u8", 1, 0);
  before = g_get_monotonic_time ();
  eos ();
  fail_unless (g_get_monotonic_time () - before >= G_TIME_SPAN_SECOND);
  fail_unless (g_get_monotonic_time () - before < 3 * G_TIME_SPAN_SECOND);
  wait_element ("delivery-lost", "name", "a.m3u8");
  wait_element ("delivery-lost", "name", "a1");
  fail_unless_equals_int (count (t.sink, "cancel a1"), 1);
  fail_unless_equals_uint64 (stat_of ("lost"), 2);
}

GST_END_TEST;

GST_START_TEST (test_rule_7_null_is_prompt_whatever_the_destination_does)
{
  gint64 before;

  start ();
  block (t.sink, "*");
  push_segment ("a", "a1");
  push_segment ("a", "a2");
  push_segment ("a", "a3");
  push_segment ("a", "a4");
  wait_for (t.sink, "begin a3", 1);
  before = g_get_monotonic_time ();
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  fail_unless (g_get_monotonic_time () - before < 2 * G_TIME_SPAN_SECOND);
  fail_unless_equals_int (count (t.sink, "cancel a1"), 1);
  fail_unless_equals_int (count (t.sink, "begin a4"), 0);
  fail_unless (t.sink->closed);
  fail_unless_equals_int (count (t.sink, "connect"), count (t.sink, "disconnect"));
}

GST_END_TEST;

static gpointer
push_eos (gpointer data)
{
  gst_harness_push_event (t.h, gst_event_new_eos ());
  return NULL;
}

GST_START_TEST (test_rule_7_null_is_prompt_while_eos_waits)
{
  gint64 before;
  GThread *thread;

  start ();
  block (t.sink, "*");
  push_segment ("a", "a1");
  wait_for (t.sink, "begin a1", 1);
  thread = g_thread_new ("eos", push_eos, NULL);
  g_usleep (G_TIME_SPAN_SECOND / 10);   /* whether or not it waits by now */
  before = g_get_monotonic_time ();
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  g_thread_join (thread);
  fail_unless (g_get_monotonic_time () - before < 2 * G_TIME_SPAN_SECOND);
}

GST_END_TEST;

/* What GStreamer logs between the two calls. (A log function of our own would do, but
 * GStreamer leaks the list of them.) */
static gint real_stderr, log_fd;

static void
begin_log (void)
{
  g_autofree gchar *path = NULL;

  log_fd = g_file_open_tmp ("log-XXXXXX", &path, NULL);
  fail_unless (log_fd >= 0);
  g_unlink (path);
  fflush (stderr);
  real_stderr = dup (STDERR_FILENO);
  dup2 (log_fd, STDERR_FILENO);
  gst_debug_set_active (TRUE);
  gst_debug_set_default_threshold (GST_LEVEL_TRACE);
}

static gchar *
end_log (void)
{
  goffset size;
  gchar *text;

  gst_debug_set_default_threshold (GST_LEVEL_NONE);
  fflush (stderr);
  dup2 (real_stderr, STDERR_FILENO);
  close (real_stderr);
  size = lseek (log_fd, 0, SEEK_END);
  text = g_malloc (size + 1);
  fail_unless (pread (log_fd, text, size, 0) == size);
  text[size] = '\0';
  close (log_fd);
  return text;
}

GST_START_TEST (test_rule_8_secrets_stay_secret)
{
  GstMessage *message;
  gchar *logged, *found;

  begin_log ();
  g_object_set (t.sink, "location", "test://user:" SECRET "@host/live/channel?token=" SECRET, "num-retries", 0,
      "restart-delay", 0, NULL);
  start ();
  script (t.sink, "a1", GST_DELIVERY_REFUSED, 1);
  script (t.sink, "a2", GST_DELIVERY_FAILED, 1);
  push_segment ("a", "a1");
  push_playlist ("a", "a.m3u8", 1, 0);
  wait_element ("delivery-published", "name", "a.m3u8");
  push_segment ("a", "a2");
  message = wait_message (GST_MESSAGE_ERROR, NULL);
  gst_message_unref (message);
  eos ();
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);

  t.sink->fail_open = TRUE;
  fail_unless_equals_int (gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  logged = end_log ();

  while ((message = gst_bus_pop (t.bus))) {
    const GstStructure *s = gst_message_get_structure (message);
    g_autofree gchar *text = s ? gst_structure_to_string (s) : g_strdup ("");

    fail_if (strstr (text, SECRET) != NULL, "%s", text);
    gst_message_unref (message);
  }
  fail_unless (strstr (logged, "live: never blocked") != NULL); /* the log was on */
  found = strstr (logged, SECRET);
  fail_if (found != NULL, "in the log: %.200s", found ? found - MIN (100, found - logged) : "");
  g_free (logged);
}

GST_END_TEST;

/* --- the element --- */

GST_START_TEST (test_no_location_is_a_clear_error)
{
  static const gchar *const none[] = { NULL, "" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (none); i++) {
    g_object_set (t.sink, "location", none[i], NULL);
    fail_unless_equals_int (gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    wait_text (GST_MESSAGE_ERROR, "Property \"location\" of out is not set");
    gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  }
}

GST_END_TEST;

GST_START_TEST (test_what_the_subclass_refuses_fails_the_start)
{
  t.sink->bad_location = TRUE;
  fail_unless_equals_int (gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  wait_text (GST_MESSAGE_ERROR, "not a location");
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  t.sink->bad_location = FALSE;
  t.sink->fail_open = TRUE;
  fail_unless_equals_int (gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  wait_text (GST_MESSAGE_ERROR, "cannot open");
  gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
  t.sink->fail_open = FALSE;
  start ();
  push_segment ("a", "a1");
  wait_element ("delivery-published", "name", "a1");
}

GST_END_TEST;

GST_START_TEST (test_answers_its_base_name)
{
  GstQuery *query = gst_delivery_query_new_destination ();

  fail_unless (gst_pad_query (GST_BASE_SINK_PAD (t.sink), query));
  fail_unless_equals_string (gst_delivery_query_get_destination (query), "channel");
  gst_query_unref (query);
  g_object_set (t.sink, "location", NULL, NULL);
  query = gst_delivery_query_new_destination ();
  fail_if (gst_pad_query (GST_BASE_SINK_PAD (t.sink), query));
  gst_query_unref (query);
}

GST_END_TEST;

GST_START_TEST (test_location_does_not_change_while_it_runs)
{
  gchar *location;

  start ();
  ASSERT_WARNING (g_object_set (t.sink, "location", "test://other/", NULL));
  ASSERT_WARNING (g_object_set (t.sink, "max-connections", 9, NULL));
  location = gst_delivery_sink_dup_location (GST_DELIVERY_SINK (t.sink));
  fail_unless_equals_string (location, "test://host/live/channel");
  g_free (location);
}

GST_END_TEST;

GST_START_TEST (test_defaults)
{
  guint connections, interval, retries, cache, restart, timeout, drain_timeout;
  guint64 bytes;
  gboolean sync, async, qos, last;

  g_object_get (t.sink, "max-connections", &connections, "connection-retry-interval", &interval, "num-retries",
      &retries, "filecache-duration", &cache, "restart-delay", &restart, "timeout", &timeout, "drain-timeout",
      &drain_timeout, "cache-bytes", &bytes, "sync", &sync, "async", &async, "qos", &qos, "enable-last-sample", &last,
      NULL);
  fail_unless_equals_int (connections, 3);      /* the subclass's */
  fail_unless_equals_int (interval, 1);
  fail_unless_equals_int (retries, 10);
  fail_unless_equals_int (cache, 300);
  fail_unless_equals_int (restart, 15);
  fail_unless_equals_int (timeout, 10);
  fail_unless_equals_int (drain_timeout, 30);
  fail_unless_equals_uint64 (bytes, 1 << 30);
  fail_if (sync || async || qos || last);
  fail_unless_equals_uint64 (stat_of ("objects-published"), 0);
}

GST_END_TEST;

GST_START_TEST (test_reusable_after_null)
{
  guint i;

  for (i = 0; i < 3; i++) {
    start ();
    push_segment ("a", "a1");
    push_playlist ("a", "a.m3u8", 1, 0);
    eos ();
    gst_harness_teardown (t.h);
    t.h = NULL;
    gst_element_set_state (GST_ELEMENT (t.sink), GST_STATE_NULL);
    fail_unless_equals_uint64 (stat_of ("objects-published"), 2);  /* still readable */
    fail_unless_equals_int (count (t.sink, "end a.m3u8"), i + 1);
  }
}

GST_END_TEST;

GST_START_TEST (test_buffer_lists_and_timestamps_out_of_segment)
{
  GstBufferList *list = gst_buffer_list_new ();
  guint i;

  start ();
  for (i = 0; i < 4; i++) {
    g_autofree gchar *name = g_strdup_printf ("a%u", i);
    GstBuffer *buffer = make (GST_DELIVERY_KIND_SEGMENT, "a", name, i, name, 0);

    GST_BUFFER_PTS (buffer) = 100 * GST_SECOND;
    GST_BUFFER_DURATION (buffer) = GST_SECOND;
    gst_buffer_list_add (list, buffer);
  }
  gst_harness_push_event (t.h, gst_event_new_segment (&(GstSegment) {.rate = 1,.applied_rate = 1,
              .format = GST_FORMAT_TIME,.stop = GST_SECOND,.duration = -1 }));
  fail_unless_equals_int (gst_pad_push_list (t.h->srcpad, list), GST_FLOW_OK);
  eos ();
  fail_unless_equals_uint64 (stat_of ("segments-published"), 4);
}

GST_END_TEST;

GST_START_TEST (test_flush_forgets_what_was_not_whole)
{
  GstDeliveryInfo info = {.name = "a1",.kind = GST_DELIVERY_KIND_SEGMENT,.track = "a",
    .size = GST_DELIVERY_SIZE_UNKNOWN
  };
  GstBuffer *buffer = gst_buffer_new_memdup ("abc", 3);

  start ();
  GST_BUFFER_OFFSET (buffer) = 0;
  gst_delivery_buffer_add_info (buffer, &info);
  push (buffer);
  gst_harness_push_event (t.h, gst_event_new_flush_start ());
  gst_harness_push_event (t.h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (t.h, gst_event_new_segment (&(GstSegment) {.rate = 1,.applied_rate = 1,
              .format = GST_FORMAT_TIME,.stop = -1,.duration = -1 }));
  push_segment ("a", "a1");
  eos ();
  assert_content (t.sink, "a1", "a1");
  fail_unless_equals_uint64 (stat_of ("lost"), 0);
}

GST_END_TEST;

GST_START_TEST (test_attempts_are_cancelled_at_their_limit)
{
  g_object_set (t.sink, "timeout", 1, "filecache-duration", 0, NULL);
  start ();
  block (t.sink, "a1");
  push_segment ("a", "a1");
  wait_for (t.sink, "cancel a1", 1);
  wait_text (GST_MESSAGE_WARNING, "ended after 1.");
  fail_unless_equals_int (t.sink->blocked != NULL, TRUE);
  push_segment ("a", "a2");     /* the alarm hits nothing else */
  wait_element ("delivery-published", "name", "a2");
}

GST_END_TEST;

GST_START_TEST (test_error_state_restarts)
{
  g_object_set (t.sink, "num-retries", 0, "restart-delay", 1, NULL);
  start ();
  script (t.sink, "a1", GST_DELIVERY_FAILED, 1);
  push_segment ("a", "a1");
  wait_element ("delivery-state", "state", "error");
  wait_element ("delivery-state", "state", "retrying");
  wait_element ("delivery-state", "state", "publishing");
  eos ();
  assert_content (t.sink, "a1", "a1");
}

GST_END_TEST;

GST_START_TEST (test_no_restart_delay_is_one_error_and_no_harm_upstream)
{
  guint i, errors = 0;
  GstMessage *message;

  g_object_set (t.sink, "num-retries", 0, "restart-delay", 0, NULL);
  start ();
  block (t.sink, "a2");
  push_segment ("a", "a2");
  wait_for (t.sink, "begin a2", 1);
  script (t.sink, "a1", GST_DELIVERY_FAILED, 1);
  push_segment ("a", "a1");
  wait_text (GST_MESSAGE_ERROR, "restart-delay is 0");
  wait_for (t.sink, "cancel a2", 1);
  for (i = 0; i < 20; i++) {
    g_autofree gchar *name = g_strdup_printf ("b%u", i);

    push_segment ("b", name);
  }
  eos ();
  fail_unless_equals_int (count (t.sink, "begin b0"), 0);
  while ((message = gst_bus_pop (t.bus))) {
    errors += GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
    gst_message_unref (message);
  }
  fail_unless_equals_int (errors, 0);
}

GST_END_TEST;

GST_START_TEST (test_published_message_and_latency)
{
  GstMessage *message;
  const GstStructure *s;
  guint64 latency, bytes;
  guint attempts;

  start ();
  g_object_set (t.sink, "connection-retry-interval", 0, NULL);
  script (t.sink, "a.m3u8", GST_DELIVERY_FAILED, 2);
  push_playlist ("a", "a.m3u8", 1, 0);
  message = wait_message (GST_MESSAGE_ELEMENT, "delivery-published");
  s = gst_message_get_structure (message);
  fail_unless (gst_structure_get (s, "latency", G_TYPE_UINT64, &latency, "bytes", G_TYPE_UINT64, &bytes,
          "attempts", G_TYPE_UINT, &attempts, NULL));
  fail_unless_equals_int (attempts, 3);
  fail_unless_equals_uint64 (bytes, 5);
  fail_unless (latency > 100 * GST_MSECOND && latency < WAIT_SECONDS * GST_SECOND);
  gst_message_unref (message);
  fail_unless_equals_uint64 (stat_of ("latency-last"), latency);
  fail_unless_equals_uint64 (stat_of ("retries"), 2);
}

GST_END_TEST;

/* Many tracks, an unsure destination: order and counts hold, and nothing races. */
GST_START_TEST (test_many_tracks_and_failures)
{
  guint i, k;

  g_object_set (t.sink, "connection-retry-interval", 0, "num-retries", 1000, "filecache-duration", 600, NULL);
  start ();
  for (i = 0; i < 100; i++) {
    for (k = 0; k < 4; k++) {
      g_autofree gchar *track = g_strdup_printf ("t%u", k);
      g_autofree gchar *name = g_strdup_printf ("%s_%u", track, i);
      g_autofree gchar *playlist = g_strconcat (track, ".m3u8", NULL);

      if ((i * 4 + k) % 41 == 0)
        script (t.sink, name, GST_DELIVERY_FAILED, 1);
      push_segment (track, name);
      push_playlist (track, playlist, i, 0);
    }
  }
  eos ();
  fail_unless_equals_uint64 (stat_of ("segments-published"), 400);
  fail_unless_equals_uint64 (stat_of ("lost"), 0);
  fail_unless_equals_uint64 (stat_of ("backlog-objects"), 0);
  for (k = 0; k < 4; k++) {
    g_autofree gchar *playlist = g_strdup_printf ("t%u.m3u8", k);

    assert_content (t.sink, playlist, "rev 99");
  }
}

GST_END_TEST;

static Suite *
delivery_sink_suite (void)
{
  Suite *s = suite_create ("deliverysink");
  TCase *tc = tcase_create ("general");

  gst_delivery_init ();
  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_rule_1_nothing_is_published_before_it_is_whole);
  tcase_add_test (tc, test_rule_2_listed_means_fetchable);
  tcase_add_test (tc, test_rule_3_newest_playlist_wins);
  tcase_add_test (tc, test_rule_4_lost_is_said);
  tcase_add_test (tc, test_rule_4_nobody_upstream_is_said_too);
  tcase_add_test (tc, test_rule_4_broken_objects_are_lost);
  tcase_add_test (tc, test_warnings_of_losses_are_counted_not_repeated);
  tcase_add_test (tc, test_rule_5_live_pipeline_is_never_blocked);
  tcase_add_test (tc, test_rule_5_not_live_pipeline_waits);
  tcase_add_test (tc, test_pipeline_held_back_pauses_flushes_and_stops);
  tcase_add_test (tc, test_rule_6_deletes_come_last);
  tcase_add_test (tc, test_rule_7_eos_waits_for_everything);
  tcase_add_test (tc, test_rule_7_drain_timeout_bounds_eos);
  tcase_add_test (tc, test_rule_7_null_is_prompt_whatever_the_destination_does);
  tcase_add_test (tc, test_rule_7_null_is_prompt_while_eos_waits);
  tcase_add_test (tc, test_rule_8_secrets_stay_secret);
  tcase_add_test (tc, test_no_location_is_a_clear_error);
  tcase_add_test (tc, test_what_the_subclass_refuses_fails_the_start);
  tcase_add_test (tc, test_answers_its_base_name);
  tcase_add_test (tc, test_location_does_not_change_while_it_runs);
  tcase_add_test (tc, test_defaults);
  tcase_add_test (tc, test_reusable_after_null);
  tcase_add_test (tc, test_buffer_lists_and_timestamps_out_of_segment);
  tcase_add_test (tc, test_flush_forgets_what_was_not_whole);
  tcase_add_test (tc, test_attempts_are_cancelled_at_their_limit);
  tcase_add_test (tc, test_error_state_restarts);
  tcase_add_test (tc, test_no_restart_delay_is_one_error_and_no_harm_upstream);
  tcase_add_test (tc, test_published_message_and_latency);
  tcase_add_test (tc, test_many_tracks_and_failures);
  return s;
}

GST_CHECK_MAIN (delivery_sink);
