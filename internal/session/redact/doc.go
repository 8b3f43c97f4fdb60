// Package redact replaces names and addresses by pseudonyms before a session
// hears of them, so that no page, report or recording can show one.
//
// A name's pseudonym is its kind and a keyed hash of it (HMAC-SHA-256): the same
// name has the same one wherever it stands, and without the key nobody can find
// out by guessing. Addresses become those that are reserved for documentation
// (RFC 5737, RFC 3849); by which of them is told, as a setting of the session,
// why an address takes no port. What is the same in every cluster stays as it
// is: loopback, the metadata service, kube-system.
package redact
