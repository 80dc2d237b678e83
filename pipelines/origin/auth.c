/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who may publish. Normative references: RFC 7617 (Basic), RFC 7616 (Digest; libsoup
 * offers MD5 with qop=auth).
 */
#include "auth.h"

#define REALM "live"

typedef struct {
  gchar *user, *password;
} Account;

static void
account_free (gpointer data)
{
  Account *account = data;

  g_free (account->user);
  g_free (account->password);
  g_free (account);
}

static gboolean
check_basic (SoupAuthDomain * domain, SoupServerMessage * msg, const char *user, const char *password, gpointer data)
{
  Account *account = data;

  return g_str_equal (user, account->user) && g_str_equal (password, account->password);
}

static char *
encode_digest (SoupAuthDomain * domain, SoupServerMessage * msg, const char *user, gpointer data)
{
  Account *account = data;

  if (!g_str_equal (user, account->user))
    return NULL;
  return soup_auth_domain_digest_encode_password (user, REALM, account->password);
}

static gboolean
writes (SoupAuthDomain * domain, SoupServerMessage * msg, gpointer data)
{
  const gchar *method = soup_server_message_get_method (msg);

  return method != SOUP_METHOD_GET && method != SOUP_METHOD_HEAD && method != SOUP_METHOD_OPTIONS;
}

gboolean
auth_kind_from_string (const gchar * text, AuthKind * kind)
{
  static const gchar *const names[] = { "none", "basic", "digest" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (g_str_equal (text, names[i])) {
      *kind = i;
      return TRUE;
    }
  }
  return FALSE;
}

void
auth_protect (SoupServer * server, AuthKind kind, const gchar * user, const gchar * password)
{
  g_autoptr (SoupAuthDomain) domain = NULL;
  Account *account;

  if (kind == AUTH_NONE)
    return;

  account = g_new (Account, 1);
  account->user = g_strdup (user);
  account->password = g_strdup (password);
  if (kind == AUTH_BASIC) {
    domain = soup_auth_domain_basic_new ("realm", REALM, NULL);
    soup_auth_domain_basic_set_auth_callback (domain, check_basic, account, account_free);
  } else {
    domain = soup_auth_domain_digest_new ("realm", REALM, NULL);
    soup_auth_domain_digest_set_auth_callback (domain, encode_digest, account, account_free);
  }
  soup_auth_domain_add_path (domain, "/");
  soup_auth_domain_set_filter (domain, writes, NULL, NULL);
  soup_server_add_auth_domain (server, domain);
}
