/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GLib and GStreamer are not built for ThreadSanitizer: it does not see that their locks and reference counts
 * order anything, and would report every access that they protect. This library, preloaded by the tests of a
 * -Db_sanitize=thread build, tells it: what was written before an unlock (a last unref, a posted message) is seen after the
 * lock (the free, the popped message). Nothing is suppressed by it: an access outside its lock is still reported.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <gst/gst.h>

#undef g_once_init_enter
#undef g_once_init_leave

void __tsan_acquire (void *address);
void __tsan_release (void *address);

#define EXPORT __attribute__ ((visibility ("default")))

/* Looks the real function up at its first use. Two threads find the same. */
#define REAL(name) ({ \
  static __typeof__ (&name) real; \
  __typeof__ (&name) found = __atomic_load_n (&real, __ATOMIC_RELAXED); \
  if (found == NULL) { \
    found = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name); \
    __atomic_store_n (&real, found, __ATOMIC_RELAXED); \
  } \
  found; \
})

#define LOCK(name, type) \
EXPORT void name (type * lock) { REAL (name) (lock); __tsan_acquire (lock); }
#define TRYLOCK(name, type) \
EXPORT gboolean name (type * lock) { \
  gboolean got = REAL (name) (lock); \
  if (got) \
    __tsan_acquire (lock); \
  return got; \
}
#define UNLOCK(name, type) \
EXPORT void name (type * lock) { __tsan_release (lock); REAL (name) (lock); }

LOCK (g_mutex_lock, GMutex)
TRYLOCK (g_mutex_trylock, GMutex)
UNLOCK (g_mutex_unlock, GMutex)
LOCK (g_rec_mutex_lock, GRecMutex)
TRYLOCK (g_rec_mutex_trylock, GRecMutex)
UNLOCK (g_rec_mutex_unlock, GRecMutex)
LOCK (g_rw_lock_reader_lock, GRWLock)
LOCK (g_rw_lock_writer_lock, GRWLock)
TRYLOCK (g_rw_lock_reader_trylock, GRWLock)
TRYLOCK (g_rw_lock_writer_trylock, GRWLock)
UNLOCK (g_rw_lock_reader_unlock, GRWLock)
UNLOCK (g_rw_lock_writer_unlock, GRWLock)

/* A wait gives the mutex away inside GLib. */
EXPORT void
g_cond_wait (GCond * cond, GMutex * mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

EXPORT gboolean
g_cond_wait_until (GCond * cond, GMutex * mutex, gint64 end_time)
{
  gboolean woken;

  __tsan_release (mutex);
  woken = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return woken;
}

EXPORT gboolean
g_once_init_enter (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);

  __tsan_acquire ((void *) location);
  return first;
}

EXPORT void
g_once_init_leave (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

/* Whoever drops the last reference frees what the others wrote before they dropped theirs. */
#define UNREF(name, type) \
EXPORT void name (type object) { \
  __tsan_release (object); \
  __tsan_acquire (object); \
  REAL (name) (object); \
}

UNREF (g_object_unref, gpointer)
UNREF (gst_object_unref, gpointer)
UNREF (gst_mini_object_unref, GstMiniObject *)
UNREF (g_bytes_unref, GBytes *)

/* The bus hands messages over through a lock-free queue. */
EXPORT gboolean
gst_bus_post (GstBus * bus, GstMessage * message)
{
  __tsan_release (bus);
  return REAL (gst_bus_post) (bus, message);
}

EXPORT GstMessage *
gst_bus_timed_pop_filtered (GstBus * bus, GstClockTime timeout, GstMessageType types)
{
  GstMessage *message = REAL (gst_bus_timed_pop_filtered) (bus, timeout, types);

  __tsan_acquire (bus);
  return message;
}

/* What was written before a job is pushed to a thread pool (a GTask of GIO) is seen by the thread that runs it. */
typedef struct {
  GFunc func;
  gpointer user;
} Pool;

static void
run_job (gpointer job, gpointer user)
{
  Pool *pool = user;

  __tsan_acquire (job);
  pool->func (job, pool->user);
}

EXPORT GThreadPool *
g_thread_pool_new (GFunc func, gpointer user, gint max_threads, gboolean exclusive, GError ** error)
{
  Pool *pool = g_new (Pool, 1);

  pool->func = func;
  pool->user = user;
  return REAL (g_thread_pool_new) (run_job, pool, max_threads, exclusive, error);
}

EXPORT gboolean
g_thread_pool_push (GThreadPool * pool, gpointer job, GError ** error)
{
  __tsan_release (job);
  return REAL (g_thread_pool_push) (pool, job, error);
}

/* For this process alone: the servers that a test starts are not built for it. */
static void __attribute__ ((constructor))
keep_to_this_process (void)
{
  unsetenv ("LD_PRELOAD");
}
