// Package auditindex finds records in the audit trail: by key, principal,
// operation, time, result, encryption context, request and the like.
//
// Beside the trail, in a folder of its own, it keeps one file for each segment
// that has ended (docs/formats.md, "Audit index"), made in the background. They
// are made of the trail alone: whoever removes or damages them has them made
// again, and until then the segments are read whole. A file only says where to
// look; what is found is read from the trail, its checksum verified, and compared
// with what was asked. A node's newest segment has no file: the first query reads it,
// and from then on each what was written since, for an index in memory.
//
// All nodes' trails below the folder are looked at: one that was begun anew, or
// restored, has the older records under another node's id. What cannot be read is
// named beside what was found.
//
// It must never change the trail or be asked what is true of it (internal/digest
// is). The wiring and internal/cloudtrail import it.
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
	Resource  Kind = 3  // what the call was about or named: ARN, or a name alone
	Principal Kind = 4  // ARN, unique id, user name or access key id
	Result    Kind = 5  // errorCode, or Success
	Request   Kind = 6  // requestID
	Event     Kind = 7  // eventID
	Context   Kind = 8  // a pair of the encryption context, key=value
	Account   Kind = 9  // recipientAccountId
	Region    Kind = 10 // awsRegion
	ReadOnly  Kind = 11 // true, false
	AccessKey Kind = 12 // access key id
	UserName  Kind = 13 // userName, or the session's of an assumed role; of the root user: root
	Type      Kind = 14 // of what the call was about or named: AWS::KMS::Key
	History   Kind = 15 // account/Region: whose event history, in CloudTrail's words, has the record
)

// Home is the Region whose event history has what is about no Region: AWS's of
// global services.
const Home = "us-east-1"

// HistoryOf is the value of a History term.
func HistoryOf(account, region string) string { return account + "/" + region }

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
	Limit        int      // of records found; at least 1
	After        Position // a page's Next; zero: from the start
	// Keep decides about a record that has all terms, before it counts; nil keeps all.
	Keep func(record []byte) bool
	// Work bounds what a page looks at, in bytes and up to a segment more: one that
	// finds little may so have few records or none. 0: no bound.
	Work int64
}

// Position is a record's place in the trails.
type Position struct {
	Node           [16]byte
	Epoch, Segment uint64
	Offset         int64
}

// entry is what one record is found by.
type entry struct {
	time  int64 // Unix seconds
	terms []Term
	joint
}

// hasAll reports whether the record has all terms.
func (e *entry) hasAll(terms []Term) bool {
	for _, t := range terms {
		if !e.has(t) {
			return false
		}
	}
	return true
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

// spans reports whether a time is one that is asked for.
func (q *Query) spans(at int64) bool {
	return (q.Since.IsZero() || at >= q.Since.Unix()) && (q.Until.IsZero() || at <= q.Until.Unix())
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
