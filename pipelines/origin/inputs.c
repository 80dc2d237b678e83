/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative reference: RFC 8216bis (draft-pantos-hls-rfc8216bis), section 4.4.
 */
#include "inputs.h"

#include <string.h>

typedef struct {
  gchar *path;
  gboolean ended;
  guint listed;                 /* segments in it */
  guint64 media_sequence;
  guint target_duration;
  gint64 updated;               /* g_get_real_time() of its last PUT */
  gchar *newest;                /* path of the last segment that is no GAP, or NULL */
  gint64 edge;                  /* where that one ends, microseconds since 1970; 0: not said */
  gint64 latency;               /* updated - edge */
  GHashTable *gaps;             /* media sequence number: URI, of what is listed as GAP now */
  guint64 lost;                 /* GAPs, ever */
} MediaPlaylist;

typedef struct {
  gchar *multivariant;          /* path of the first one that came, or NULL */
  GPtrArray *playlists;         /* of MediaPlaylist, in the order they came */
  guint64 segments, bytes;
} Input;

struct _Inputs {
  Store *store;
  guint n;
  Input *input;
};

static void
media_playlist_free (gpointer data)
{
  MediaPlaylist *playlist = data;

  g_free (playlist->path);
  g_free (playlist->newest);
  g_hash_table_unref (playlist->gaps);
  g_free (playlist);
}

static GHashTable *
gaps_new (void)
{
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
}

Inputs *
inputs_new (guint n_inputs, Store * store)
{
  Inputs *inputs = g_new0 (Inputs, 1);

  inputs->store = store;
  inputs->n = n_inputs;
  inputs->input = g_new0 (Input, n_inputs);
  for (guint i = 0; i < n_inputs; i++)
    inputs->input[i].playlists = g_ptr_array_new_with_free_func (media_playlist_free);
  return inputs;
}

void
inputs_free (Inputs * inputs)
{
  for (guint i = 0; i < inputs->n; i++) {
    g_free (inputs->input[i].multivariant);
    g_ptr_array_unref (inputs->input[i].playlists);
  }
  g_free (inputs->input);
  g_free (inputs);
}

gboolean
inputs_is_playlist (const gchar * path)
{
  return g_str_has_suffix (path, ".m3u8");
}

static Input *
input_of (Inputs * inputs, const gchar * path)
{
  return &inputs->input[g_ascii_strtoull (path + 1, NULL, 10)];
}

static MediaPlaylist *
find_playlist (Input * input, const gchar * path, guint * index)
{
  for (guint i = 0; i < input->playlists->len; i++) {
    MediaPlaylist *playlist = g_ptr_array_index (input->playlists, i);

    if (g_str_equal (playlist->path, path)) {
      if (index != NULL)
        *index = i;
      return playlist;
    }
  }
  return NULL;
}

/* The path that @uri, as it stands in the playlist at @path, means on this origin. */
static gchar *
resolve (const gchar * path, const gchar * uri)
{
  g_autofree gchar *base = g_strconcat ("http://origin", path, NULL);
  g_autoptr (GUri) absolute = NULL;
  g_autoptr (GUri) base_uri = g_uri_parse (base, G_URI_FLAGS_NONE, NULL);

  if (base_uri != NULL)
    absolute = g_uri_parse_relative (base_uri, uri, G_URI_FLAGS_NONE, NULL);
  return g_strdup (absolute != NULL ? g_uri_get_path (absolute) : uri);
}

static gboolean
tag_value (const gchar * line, const gchar * tag, const gchar ** value)
{
  gsize length = strlen (tag);

  if (strncmp (line, tag, length) != 0)
    return FALSE;
  *value = line + length;
  return TRUE;
}

static void
read_media_playlist (MediaPlaylist * playlist, gchar ** lines)
{
  g_autoptr (GHashTable) gaps = gaps_new ();
  g_autofree gchar *newest = NULL;
  gint64 time = 0, duration = 0, edge = 0;
  guint64 sequence = 0;
  gboolean gap = FALSE, said_sequence = FALSE;
  guint listed = 0;

  playlist->ended = FALSE;
  for (guint i = 0; lines[i] != NULL; i++) {
    const gchar *line = g_strstrip (lines[i]), *value;

    if (tag_value (line, "#EXTINF:", &value)) {
      duration = (gint64) (g_ascii_strtod (value, NULL) * G_USEC_PER_SEC + 0.5);
    } else if (tag_value (line, "#EXT-X-PROGRAM-DATE-TIME:", &value)) {
      g_autoptr (GDateTime) date = g_date_time_new_from_iso8601 (value, NULL);

      time = date != NULL ? g_date_time_to_unix (date) * G_USEC_PER_SEC + g_date_time_get_microsecond (date) : 0;
    } else if (tag_value (line, "#EXT-X-MEDIA-SEQUENCE:", &value)) {
      sequence = g_ascii_strtoull (value, NULL, 10);
    } else if (tag_value (line, "#EXT-X-TARGETDURATION:", &value)) {
      playlist->target_duration = g_ascii_strtoull (value, NULL, 10);
    } else if (g_str_equal (line, "#EXT-X-GAP")) {
      gap = TRUE;
    } else if (g_str_equal (line, "#EXT-X-ENDLIST")) {
      playlist->ended = TRUE;
    } else if (*line != '\0' && *line != '#') {
      if (!said_sequence)
        playlist->media_sequence = sequence;
      said_sequence = TRUE;
      if (time != 0)
        time += duration;
      if (gap) {
        gint64 *key = g_memdup2 (&sequence, sizeof (sequence));

        /* A GAP stays one while it is listed: counted when it is first seen. */
        if (!g_hash_table_contains (playlist->gaps, key))
          playlist->lost++;
        g_hash_table_insert (gaps, key, g_strdup (line));
      } else {
        g_free (newest);
        newest = resolve (playlist->path, line);
        edge = time;
      }
      sequence++;
      listed++;
      gap = FALSE;
      duration = 0;
    }
  }

  g_hash_table_unref (playlist->gaps);
  playlist->gaps = g_steal_pointer (&gaps);
  playlist->listed = listed;
  /* The last playlist of a channel says nothing new of its edge, it only ends it. */
  if (g_strcmp0 (playlist->newest, newest) != 0) {
    g_free (playlist->newest);
    playlist->newest = g_steal_pointer (&newest);
    playlist->edge = edge;
    playlist->latency = edge != 0 ? playlist->updated - edge : 0;
  }
}

static void
playlist_stored (Input * input, const gchar * path, const StoreObject * object)
{
  gsize size;
  const gchar *data = g_bytes_get_data (object->body, &size);
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;
  MediaPlaylist *playlist;

  if (object->content_encoding != NULL || size == 0)
    return;
  text = g_strndup (data, size);
  if (!g_str_has_prefix (text, "#EXTM3U"))
    return;
  if (strstr (text, "\n#EXT-X-STREAM-INF:") != NULL) {
    if (input->multivariant == NULL)
      input->multivariant = g_strdup (path);
    return;
  }

  playlist = find_playlist (input, path, NULL);
  if (playlist == NULL) {
    playlist = g_new0 (MediaPlaylist, 1);
    playlist->path = g_strdup (path);
    playlist->gaps = gaps_new ();
    g_ptr_array_add (input->playlists, playlist);
  }
  playlist->updated = object->arrived;
  lines = g_strsplit (text, "\n", -1);
  read_media_playlist (playlist, lines);
}

void
inputs_stored (Inputs * inputs, const gchar * path, const StoreObject * object)
{
  Input *input = input_of (inputs, path);

  input->bytes += g_bytes_get_size (object->body);
  if (inputs_is_playlist (path))
    playlist_stored (input, path, object);
  else
    input->segments++;
}

void
inputs_removed (Inputs * inputs, const gchar * path)
{
  Input *input = input_of (inputs, path);
  guint index;

  if (g_strcmp0 (input->multivariant, path) == 0)
    g_clear_pointer (&input->multivariant, g_free);
  if (find_playlist (input, path, &index) != NULL)
    g_ptr_array_remove_index (input->playlists, index);
}

static void
add_time (JsonBuilder * builder, const gchar * name, gint64 time, gboolean known)
{
  json_builder_set_member_name (builder, name);
  if (known)
    json_builder_add_double_value (builder, time / (gdouble) G_USEC_PER_SEC);
  else
    json_builder_add_null_value (builder);
}

static void
add_int (JsonBuilder * builder, const gchar * name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

/* NULL becomes null. */
static void
add_string (JsonBuilder * builder, const gchar * name, const gchar * value)
{
  json_builder_set_member_name (builder, name);
  if (value != NULL)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_bool (JsonBuilder * builder, const gchar * name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_newest (Inputs * inputs, JsonBuilder * builder, const MediaPlaylist * playlist)
{
  const StoreObject *object;
  const gchar *slash;

  json_builder_set_member_name (builder, "newest");
  if (playlist == NULL || playlist->newest == NULL) {
    json_builder_add_null_value (builder);
    return;
  }
  object = store_lookup (inputs->store, playlist->newest);
  slash = strrchr (playlist->newest, '/');
  json_builder_begin_object (builder);
  add_string (builder, "name", slash != NULL ? slash + 1 : playlist->newest);
  add_time (builder, "arrived", object != NULL ? object->arrived : 0, object != NULL);
  add_time (builder, "latency", playlist->latency, playlist->edge != 0);
  json_builder_end_object (builder);
}

static void
add_playlist (Inputs * inputs, JsonBuilder * builder, const MediaPlaylist * playlist)
{
  GHashTableIter iter;
  gpointer uri;

  json_builder_begin_object (builder);
  add_string (builder, "path", playlist->path);
  add_int (builder, "media_sequence", playlist->media_sequence);
  add_int (builder, "listed", playlist->listed);
  add_int (builder, "lost", playlist->lost);
  add_bool (builder, "ended", playlist->ended);
  add_time (builder, "updated", playlist->updated, TRUE);
  add_newest (inputs, builder, playlist);
  json_builder_set_member_name (builder, "gaps");
  json_builder_begin_array (builder);
  g_hash_table_iter_init (&iter, playlist->gaps);
  while (g_hash_table_iter_next (&iter, NULL, &uri))
    json_builder_add_string_value (builder, uri);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_input (Inputs * inputs, JsonBuilder * builder, guint index)
{
  const Input *input = &inputs->input[index];
  const MediaPlaylist *last = NULL;
  guint64 lost = 0;
  guint target = 0;
  gboolean ended = input->playlists->len > 0;

  for (guint i = 0; i < input->playlists->len; i++) {
    const MediaPlaylist *playlist = g_ptr_array_index (input->playlists, i);

    lost += playlist->lost;
    target = MAX (target, playlist->target_duration);
    ended = ended && playlist->ended;
    if (last == NULL || playlist->updated > last->updated)
      last = playlist;
  }

  json_builder_begin_object (builder);
  add_int (builder, "input", index);
  add_string (builder, "multivariant", input->multivariant);
  add_int (builder, "segments", input->segments);
  add_int (builder, "bytes", input->bytes);
  add_int (builder, "lost", lost);
  add_int (builder, "target_duration", target);
  add_bool (builder, "ended", ended);
  add_time (builder, "updated", last != NULL ? last->updated : 0, last != NULL);
  add_newest (inputs, builder, last);
  json_builder_set_member_name (builder, "playlists");
  json_builder_begin_array (builder);
  for (guint i = 0; i < input->playlists->len; i++)
    add_playlist (inputs, builder, g_ptr_array_index (input->playlists, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

void
inputs_to_json (Inputs * inputs, JsonBuilder * builder)
{
  json_builder_set_member_name (builder, "inputs");
  json_builder_begin_array (builder);
  for (guint i = 0; i < inputs->n; i++)
    add_input (inputs, builder, i);
  json_builder_end_array (builder);
}
