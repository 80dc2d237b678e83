/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Part of every test of a -Db_sanitize=address build. GLib allocates a table of quarks as it is loaded and drops it, on purpose,
 * when the table grows. LeakSanitizer's unwinder does not get past GLib, which has no frame pointers, so that no
 * suppression could name it: it does not look while libraries are loaded.
 */
#include <sanitizer/lsan_interface.h>

/* Before the constructors of all libraries ... */
static void
libraries_begin (int argc, char **argv, char **envp)
{
  __lsan_disable ();
}

static void (*const preinit) (int, char **, char **)
    __attribute__ ((section (".preinit_array"), used)) = libraries_begin;

/* ... and after them. */
static void __attribute__ ((constructor))
libraries_end (void)
{
  __lsan_enable ();
}
