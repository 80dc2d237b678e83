/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative reference: IEEE Std 1003.1-2017, rename(): a reader of the new name sees
 * the old file or the new one, never a part.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/**
 * SECTION:element-dirsink
 * @title: dirsink
 * @short_description: publishes delivery objects to a local directory
 *
 * Each object is written under a temporary name in its folder and then renamed, so
 * that whoever reads the folder (a web server, say) sees it whole or not at all.
 * Folders are created as they are needed. Nothing is flushed to the medium.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -e hlsoutputgroup name=hls hls.src_0 ! dirsink location=/srv/www/live/channel \
 *     videotestsrc is-live=true ! x264enc tune=zerolatency ! h264parse ! hls.video_high
 * ]| Publishes /srv/www/live/channel.m3u8 and what it names.
 *
 * Since: 1.0
 */

#include "gstdirsink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

GST_DEBUG_CATEGORY_STATIC (gst_dir_sink_debug);
#define GST_CAT_DEFAULT gst_dir_sink_debug

/* Memories written at once: few enough to be cancelled between two writes. */
#define BATCH 64
/* What ".", ".<random>.tmp" take of a file name. */
#define TEMP_NAME_EXTRA 14

struct _GstDirSink {
  GstDeliverySink parent;
  gchar *folder;                /* from READY to PAUSED and back */
};

static void gst_dir_sink_uri_handler_init (gpointer iface, gpointer data);

G_DEFINE_TYPE_WITH_CODE (GstDirSink, gst_dir_sink, GST_TYPE_DELIVERY_SINK,
    G_IMPLEMENT_INTERFACE (GST_TYPE_URI_HANDLER, gst_dir_sink_uri_handler_init));
GST_ELEMENT_REGISTER_DEFINE (dirsink, "dirsink", GST_RANK_NONE, GST_TYPE_DIR_SINK);

/* --- location --- */

/* The path that a location means: itself, or that of a file: or dir: URI. */
static gchar *
location_to_path (const gchar * location, GError ** error)
{
  g_autofree gchar *scheme = g_uri_parse_scheme (location);
  g_autofree gchar *uri = NULL, *path = NULL, *host = NULL;

  if (location[0] == '/' || !scheme || !strstr (location, "://"))
    return g_strdup (location);
  if (g_ascii_strcasecmp (scheme, "file") != 0 && g_ascii_strcasecmp (scheme, "dir") != 0) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "Property \"location\" of dirsink has the scheme \"%s\"; must be a path or a URI with scheme file or dir",
        scheme);
    return NULL;
  }
  uri = g_strconcat ("file", location + strlen (scheme), NULL);
  path = g_filename_from_uri (uri, &host, NULL);
  if (path && host && g_ascii_strcasecmp (host, "localhost") != 0)
    g_clear_pointer (&path, g_free);
  if (!path)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "Property \"location\" of dirsink is no URI of a local path; must be like %s:///srv/live/channel", scheme);
  return g_steal_pointer (&path);
}

static gboolean
gst_dir_sink_check_location (GstDeliverySink * sink, const gchar * location, GError ** error)
{
  g_autofree gchar *path = location_to_path (location, error);

  return path != NULL;
}

/* Touches no file system: one that hangs must not hang the application. */
static gboolean
gst_dir_sink_open (GstDeliverySink * sink, GError ** error)
{
  GstDirSink *self = GST_DIR_SINK (sink);
  g_autofree gchar *location = gst_delivery_sink_dup_location (sink);
  g_autofree gchar *path = location_to_path (location, error);
  g_autofree gchar *folder = NULL;

  if (!path)
    return FALSE;
  gst_delivery_split_location (path, &folder, NULL);
  self->folder = g_canonicalize_filename (*folder ? folder : ".", NULL);
  return TRUE;
}

static void
gst_dir_sink_close (GstDeliverySink * sink)
{
  g_clear_pointer (&GST_DIR_SINK (sink)->folder, g_free);
}

/* --- files --- */

static void
set_result_from_errno (GstDeliveryResult * result, gint code, const gchar * what)
{
  GstDeliveryVerdict verdict;

  switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EFBIG:
    case EINVAL:
      verdict = GST_DELIVERY_REFUSED;
      break;
    default:
      verdict = GST_DELIVERY_FAILED;
      break;
  }
  gst_delivery_result_set (result, verdict, 0, "could not %s: %s", what, g_strerror (code));
}

/* Writes all of @vectors; FALSE with errno. */
static gboolean
write_vectors (gint fd, struct iovec *vectors, gint n)
{
  while (n > 0) {
    gssize done = writev (fd, vectors, n);

    if (done < 0) {
      if (errno == EINTR)
        continue;
      return FALSE;
    }
    while (n > 0 && (gsize) done >= vectors->iov_len) {
      done -= vectors->iov_len;
      vectors++;
      n--;
    }
    if (n > 0) {
      vectors->iov_base = (guint8 *) vectors->iov_base + done;
      vectors->iov_len -= done;
    }
  }
  return TRUE;
}

/* FALSE with @result. */
static gboolean
write_object (gint fd, GstDeliveryObject * object, GCancellable * cancellable, GstDeliveryResult * result)
{
  guint i = 0, n = gst_delivery_object_n_memories (object);

  while (i < n) {
    GstMapInfo maps[BATCH];
    struct iovec vectors[BATCH];
    guint mapped = 0;
    gint code = 0;

    if (g_cancellable_is_cancelled (cancellable)) {
      gst_delivery_result_set (result, GST_DELIVERY_FAILED, 0, "cancelled");
      return FALSE;
    }
    for (; i < n && mapped < BATCH; i++, mapped++) {
      if (!gst_memory_map (gst_delivery_object_peek_memory (object, i), &maps[mapped], GST_MAP_READ)) {
        code = EFAULT;
        break;
      }
      vectors[mapped].iov_base = maps[mapped].data;
      vectors[mapped].iov_len = maps[mapped].size;
    }
    if (code == 0 && !write_vectors (fd, vectors, mapped))
      code = errno;
    while (mapped-- > 0)
      gst_memory_unmap (maps[mapped].memory, &maps[mapped]);
    if (code != 0) {
      set_result_from_errno (result, code, "write");
      return FALSE;
    }
  }
  return TRUE;
}

/* "dir/.name.1234abcd.tmp" */
static gchar *
temp_path (const gchar * path)
{
  g_autofree gchar *folder = g_path_get_dirname (path);
  g_autofree gchar *name = g_path_get_basename (path);

  return g_strdup_printf ("%s/.%.*s.%08x.tmp", folder, NAME_MAX - TEMP_NAME_EXTRA, name, g_random_int ());
}

static gint
open_temp (const gchar * temp)
{
  const gint flags = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC;
  g_autofree gchar *folder = NULL;
  gint fd = open (temp, flags, 0666);

  if (fd >= 0 || errno != ENOENT)
    return fd;
  folder = g_path_get_dirname (temp);
  if (g_mkdir_with_parents (folder, 0777) < 0)
    return -1;
  return open (temp, flags, 0666);
}

/* Rule 1: whole or not at all. */
static void
gst_dir_sink_publish (GstDeliverySink * sink, gpointer connection, GstDeliveryObject * object,
    GCancellable * cancellable, GstDeliveryResult * result)
{
  GstDirSink *self = GST_DIR_SINK (sink);
  const GstDeliveryInfo *info = gst_delivery_object_get_info (object);
  g_autofree gchar *path = g_build_filename (self->folder, info->name, NULL);
  g_autofree gchar *temp = temp_path (path);
  gboolean written;
  gint fd;

  result->keep_connection = TRUE;
  fd = open_temp (temp);
  if (fd < 0) {
    set_result_from_errno (result, errno, "create a file");
    return;
  }
  written = write_object (fd, object, cancellable, result);
  /* File systems with quotas or a network may say only here that it did not fit. */
  if (close (fd) < 0 && written && errno != EINTR) {
    set_result_from_errno (result, errno, "write");
    written = FALSE;
  }
  if (written && rename (temp, path) < 0) {
    set_result_from_errno (result, errno, "rename the file to its name");
    written = FALSE;
  }
  if (!written) {
    unlink (temp);
    return;
  }
  GST_LOG_OBJECT (self, "wrote %s, %" G_GUINT64_FORMAT " bytes", info->name, gst_delivery_object_get_size (object));
  gst_delivery_result_set (result, GST_DELIVERY_PUBLISHED, 0, NULL);
}

static void
gst_dir_sink_remove (GstDeliverySink * sink, gpointer connection, const gchar * name, GCancellable * cancellable,
    GstDeliveryResult * result)
{
  g_autofree gchar *path = g_build_filename (GST_DIR_SINK (sink)->folder, name, NULL);

  result->keep_connection = TRUE;
  if (unlink (path) < 0 && errno != ENOENT && errno != ENOTDIR)
    set_result_from_errno (result, errno, "remove the file");
  else
    gst_delivery_result_set (result, GST_DELIVERY_PUBLISHED, 0, NULL);
}

/* --- URI handler --- */

static GstURIType
uri_get_type (GType type)
{
  return GST_URI_SINK;
}

/* "dir" is this element's own, and what gst_element_make_from_uri() finds it by.
 * "file" is there so that a dirsink takes such a URI; with rank none it never comes
 * before filesink, which applications expect to get for it. */
static const gchar *const *
uri_get_protocols (GType type)
{
  static const gchar *const protocols[] = { "dir", "file", NULL };

  return protocols;
}

static gchar *
uri_get_uri (GstURIHandler * handler)
{
  g_autofree gchar *location = gst_delivery_sink_dup_location (GST_DELIVERY_SINK (handler));
  g_autofree gchar *path = location ? location_to_path (location, NULL) : NULL;
  g_autofree gchar *absolute = path ? g_canonicalize_filename (path, NULL) : NULL;
  g_autofree gchar *uri = absolute ? g_filename_to_uri (absolute, NULL, NULL) : NULL;

  if (!uri)
    return NULL;
  /* the slash at the end means base name "index": canonical paths have none */
  return g_strconcat ("dir", uri + strlen ("file"), g_str_has_suffix (path, "/") && path[1] ? "/" : "", NULL);
}

static gboolean
uri_set_uri (GstURIHandler * handler, const gchar * uri, GError ** error)
{
  g_autofree gchar *path = location_to_path (uri, NULL);

  if (!path || path[0] != '/') {
    g_set_error (error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI,
        "dirsink takes the URI of a local path, like dir:///srv/live/channel");
    return FALSE;
  }
  g_object_set (handler, "location", uri, NULL);
  return TRUE;
}

static void
gst_dir_sink_uri_handler_init (gpointer iface, gpointer data)
{
  GstURIHandlerInterface *handler = iface;

  handler->get_type = uri_get_type;
  handler->get_protocols = uri_get_protocols;
  handler->get_uri = uri_get_uri;
  handler->set_uri = uri_set_uri;
}

static void
gst_dir_sink_init (GstDirSink * self)
{
}

static void
gst_dir_sink_class_init (GstDirSinkClass * klass)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstDeliverySinkClass *sink_class = GST_DELIVERY_SINK_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (gst_dir_sink_debug, "dirsink", 0, "directory sink");

  sink_class->default_connections = 1;
  sink_class->check_location = gst_dir_sink_check_location;
  sink_class->open = gst_dir_sink_open;
  sink_class->close = gst_dir_sink_close;
  sink_class->publish = gst_dir_sink_publish;
  sink_class->remove = gst_dir_sink_remove;
  gst_element_class_set_static_metadata (element_class, "Directory sink", "Sink/File",
      "Publishes delivery objects to a local directory, each whole or not at all",
      "The gst-output-groups authors");
}
