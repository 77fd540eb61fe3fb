/* base/secret.h: which texts of a user's SQL are secrets. Errors show the user's SQL, and errors stand in
 * logs that others read: passwords, keys and tokens are blotted out there. */
#ifndef MR_BASE_SECRET_H
#define MR_BASE_SECRET_H

#include "base/memory.h"

/* Does an option, a column or a member of this name hold a secret: sasl.password, ssl.keystore.key, token …?
 */
bool mr_secret_name(struct mr_str name);

struct mr_secret_scan { /* {text} to begin with; the rest is the scan's own */
    const char *text;
    size_t at;
    bool armed;   /* the value of a secret's name is next, or has begun */
    bool valued;  /* some of it has come */
    bool patient; /* the name was a literal: a comma may come before the value, as in map('password', 'x') */
    int depth, armed_depth; /* of parentheses */
};
/* The next text of a literal that belongs to a secret's name (name => 'x', name 'x', name = 'x', map('name',
 * 'x')), or that itself looks like a secret (a key in PEM, password=…), between its quotes as it is written.
 * false: there are no more. Rather one literal too many than one too few. */
bool mr_secret_next(struct mr_secret_scan *scan, struct mr_str *literal);
/* Puts stars where text[0, size) shows the secret, or so much of its beginning that it tells something; also
 * where it stands without the backslashes it is written with. */
void mr_secret_blot(char *text, size_t size, struct mr_str secret);

#endif
