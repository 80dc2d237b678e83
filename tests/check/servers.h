/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Servers of tests/servers for unit tests: each a process of its own, told what to do
 * over its stdin, and ended by closing it.
 */
#pragma once

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/check/gstcheck.h>

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer of GCC 12 crashes on the thread-local blocks of the libraries that TLS brings in. */
const char *__asan_default_options (void);
__attribute__ ((visibility ("default")))
const char *
__asan_default_options (void)
{
  return "intercept_tls_get_addr=0";
}
#endif

typedef struct {
  GSubprocess *process;
  GDataInputStream *answers;
  gchar *folder;
  gchar *url;                   /* of a faulty.py: with the path /live/x */
  gchar *ca;                    /* of a faulty.py with a certificate */
  gchar **values;               /* of a servers.py: NAME=VALUE */
} TestServer;

static inline gchar *
test_server_read (TestServer * server)
{
  GError *error = NULL;
  gchar *line = g_data_input_stream_read_line (server->answers, NULL, NULL, &error);

  fail_unless (line != NULL, "the server is gone: %s", error ? error->message : "no more output");
  return line;
}

static inline void
test_server_spawn (TestServer * server, const gchar * const *argv)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE |
      G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  GError *error = NULL;

  /* A sanitizer is for this process only. */
  g_subprocess_launcher_unsetenv (launcher, "LD_PRELOAD");
  server->process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  fail_unless (server->process != NULL, "%s", error ? error->message : "");
  g_object_unref (launcher);
  g_clear_object (&server->answers);
  server->answers = g_data_input_stream_new (g_subprocess_get_stdout_pipe (server->process));
}

/* "faulty.py": @what is the name of its certificate, NULL for http. "servers.py": @what is which one. */
static inline TestServer *
test_server_new (const gchar * script, const gchar * what)
{
  TestServer *server = g_new0 (TestServer, 1);
  gchar *tool = g_build_filename (g_getenv ("TEST_SERVERS"), "servers.py", NULL);
  gchar *path = g_build_filename (g_getenv ("TEST_SERVERS"), script, NULL);
  gboolean faulty = g_str_equal (script, "faulty.py");
  gchar *line;

  server->folder = g_dir_make_tmp ("test-server-XXXXXX", NULL);
  fail_unless (server->folder != NULL);
  if (!faulty || what) {
    const gchar *argv[] = { "/usr/bin/python3", "-B", tool, faulty ? "certificates" : what, server->folder, NULL };

    test_server_spawn (server, argv);
    line = test_server_read (server);
    server->values = g_strsplit (line, " ", -1);
    g_free (line);
  }
  if (faulty) {
    gchar *pem = g_strdup_printf ("%s/%s.pem", server->folder, what), *key = g_strdup_printf ("%s/%s.key",
        server->folder, what);
    const gchar *argv[] = { "/usr/bin/python3", "-B", path, what ? pem : NULL, key, NULL };

    if (server->process)
      fail_unless (g_subprocess_wait_check (server->process, NULL, NULL));
    g_clear_object (&server->process);
    test_server_spawn (server, argv);
    line = test_server_read (server);
    server->url = g_strdup_printf ("%s://127.0.0.1:%s/live/x", what ? "https" : "http", line);
    server->ca = what ? g_strdup_printf ("%s/ca.pem", server->folder) : NULL;
    g_free (line);
    g_free (pem);
    g_free (key);
  }
  g_free (path);
  g_free (tool);
  return server;
}

static inline void
test_server_remove (const gchar * path)
{
  GDir *dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    gchar *child = g_build_filename (path, name, NULL);

    test_server_remove (child);
    g_free (child);
  }
  g_clear_pointer (&dir, g_dir_close);
  fail_unless (g_remove (path) == 0, "%s", path);
}

static inline void
test_server_free (TestServer * server)
{
  g_output_stream_close (g_subprocess_get_stdin_pipe (server->process), NULL, NULL);
  fail_unless (g_subprocess_wait_check (server->process, NULL, NULL));
  g_object_unref (server->answers);
  g_object_unref (server->process);
  test_server_remove (server->folder);
  g_free (server->folder);
  g_free (server->url);
  g_free (server->ca);
  g_strfreev (server->values);
  g_free (server);
}

/* What GIO does once per process, at the first TLS connection, and a sanitizer makes slow: not part of what is timed. */
static inline void
warm_up_tls (void)
{
  GTlsDatabase *database = g_tls_backend_get_default_database (g_tls_backend_get_default ());

  g_clear_object (&database);
}

/* How long what must be prompt may take: 2 s, more under a sanitizer. */
static inline gint64
prompt_limit (void)
{
  const gchar *multiplier = g_getenv ("CK_TIMEOUT_MULTIPLIER");

  return 2 * G_USEC_PER_SEC * (multiplier ? MAX (atoi (multiplier), 1) : 1);
}

static inline gchar *
test_server_ask (TestServer * server, const gchar * command)
{
  GOutputStream *out = g_subprocess_get_stdin_pipe (server->process);
  gchar *line = g_strconcat (command, "\n", NULL);

  fail_unless (g_output_stream_write_all (out, line, strlen (line), NULL, NULL, NULL));
  g_free (line);
  return test_server_read (server);
}

static inline gchar *G_GNUC_PRINTF (2, 3)
test_server_askf (TestServer * server, const gchar * format, ...)
{
  va_list args;
  gchar *command, *answer;

  va_start (args, format);
  command = g_strdup_vprintf (format, args);
  va_end (args);
  answer = test_server_ask (server, command);
  g_free (command);
  return answer;
}

static inline void
test_server_tell (TestServer * server, const gchar * command)
{
  gchar *answer = test_server_ask (server, command);

  fail_unless_equals_string (answer, "ok");
  g_free (answer);
}

/* Until @command is answered with @wanted. */
static inline void
test_server_wait (TestServer * server, const gchar * command, const gchar * wanted)
{
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (TRUE) {
    gchar *answer = test_server_ask (server, command);
    gboolean there = g_str_equal (answer, wanted);

    fail_unless (there || g_get_monotonic_time () < end, "%s is %s, not %s", command, answer, wanted);
    g_free (answer);
    if (there)
      return;
    g_usleep (2000);
  }
}

static inline const gchar *
test_server_get (TestServer * server, const gchar * name)
{
  for (gchar ** value = server->values; *value; value++) {
    gsize n = strlen (name);

    if (strncmp (*value, name, n) == 0 && (*value)[n] == '=')
      return *value + n + 1;
  }
  fail ("the server says nothing of %s", name);
  return NULL;
}
