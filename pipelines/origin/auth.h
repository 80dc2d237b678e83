/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

typedef enum { AUTH_NONE, AUTH_BASIC, AUTH_DIGEST } AuthKind;

/* "none", "basic", "digest" */
gboolean auth_kind_from_string (const gchar * text, AuthKind * kind);

/* From now on whoever writes to @server has to be @user; reading stays open to all. */
void auth_protect (SoupServer * server, AuthKind kind, const gchar * user, const gchar * password);

G_END_DECLS
