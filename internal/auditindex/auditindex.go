// Package auditindex finds records in the audit trail: by key, principal,
// operation, time, result, encryption context, request and the like.
//
// Beside the trail, in a folder of its own, it keeps one file for each segment
// that has ended (docs/formats.md, "Audit index"), made in the background. They
// are made of the trail alone: whoever removes them has them made again. A file
// only says where to look; what is found is read from the trail, its checksum
// verified, and compared with what was asked. The newest segment has no file, and
// is read.
//
// It must never change the trail or be asked what is true of it (internal/digest
// is). Only the wiring imports it.
package auditindex

import (
	"strings"
	"time"
)

// Kind says what of a record a Term is about.
type Kind uint8

// The kinds. Numbers are in the index files.
const (
	Operation Kind = 1  // eventName
	Source    Kind = 2  // eventSource
	Resource  Kind = 3  // ARN of a key or an alias, or the part behind its last colon or slash
	Principal Kind = 4  // ARN, unique id, user name or access key id
	Result    Kind = 5  // errorCode, or Success
	Request   Kind = 6  // requestID
	Event     Kind = 7  // eventID
	Context   Kind = 8  // a pair of the encryption context, key=value
	Account   Kind = 9  // recipientAccountId
	Region    Kind = 10 // awsRegion
	ReadOnly  Kind = 11 // true, false
	AccessKey Kind = 12 // access key id
	UserName  Kind = 13 // userName, or the session's of an assumed role
)

// Success is the Result of a call that did not fail.
const Success = "Success"

// Term is something that records have.
type Term struct {
	Kind  Kind
	Value string
}

// Query says which records are wanted.
type Query struct {
	Terms        []Term    // a record must have all
	Since, Until time.Time // both included, in whole seconds; zero: no bound
	NewestFirst  bool
	Limit        int      // of records found
	After        Position // the last record that was seen; zero: from the start
}

// Position is a record's place in a node's trail.
type Position struct {
	Epoch, Segment uint64
	Offset         int64
}

// entry is what one record is found by.
type entry struct {
	time  int64 // Unix seconds
	terms []Term
}

// has reports whether the record has a term.
func (e *entry) has(t Term) bool {
	for _, own := range e.terms {
		if own == t {
			return true
		}
	}
	return false
}

// matches reports whether the record is wanted.
func (q *Query) matches(e *entry) bool {
	if !q.Since.IsZero() && e.time < q.Since.Unix() || !q.Until.IsZero() && e.time > q.Until.Unix() {
		return false
	}
	for _, t := range q.Terms {
		if !e.has(t) {
			return false
		}
	}
	return true
}

// names are what a resource is found by.
func names(arn string) []string {
	all := []string{arn}
	if i := strings.LastIndexAny(arn, ":/"); i >= 0 {
		all = append(all, arn[i+1:])
	}
	if i := strings.LastIndexByte(arn, ':'); i >= 0 && strings.HasPrefix(arn[i+1:], "alias/") {
		all = append(all, arn[i+1:])
	}
	return all
}
