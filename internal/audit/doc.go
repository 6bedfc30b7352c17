// Package audit owns the audit trail: the events in CloudTrail's shape, the
// hash-chained segment files that they are appended to, reading and verifying
// those files, and the outbox by which a mutation's event, committed with the
// mutation itself, reaches the trail.
//
// It must never be given plaintext, ciphertext, key material, messages,
// signatures or grant tokens: what it is given it writes to disk in the clear.
// It must never acknowledge a record that is not as durable as its mode says,
// never write a record twice, and never cut away anything but the torn end
// that a crash left. The service's pipeline and its start-up may import it;
// the crypto module has no use for it.
//
// The bytes are docs/formats.md, "Audit segments" and "Outbox". The events
// follow AWS CloudTrail's record contents, version 1.11.
//
// What the files prove: each record holds the hash of the one before, so that
// no record can be changed, taken out or put in without all later ones being
// written anew. Somebody who can write all of them anew, or cut off the end,
// is found by signed digests, which are files of their own.
package audit
