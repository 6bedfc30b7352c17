package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// KindDue is the kind of the rows that say what a job has to do and when:
// <region>/due/<Unix milliseconds, 20 digits>/<kind>/<account>/<key id>. They
// are written in the transaction that makes the thing due and sort by time,
// so that a job reads the first few and never scans.
const KindDue = "due"

// DuePath is the row of one thing that is due. A part that the kind of job
// does not have is "-".
func DuePath(region string, at time.Time, job, account, keyID string) []byte {
	return path(region, KindDue, fmt.Sprintf("%020d", at.UnixMilli()), job, account, keyID)
}

// DuePrefix is the prefix of a Region's due rows.
func DuePrefix(region string) []byte { return path(region, KindDue, "") }

// ParseDue returns the time and the job of a due row; ok is false for a key that
// DuePath does not make.
func ParseDue(key []byte) (at time.Time, job string, ok bool) {
	parts := strings.Split(string(key), "/")
	if len(parts) != 6 || parts[1] != KindDue {
		return time.Time{}, "", false
	}
	ms, err := strconv.ParseInt(parts[2], 10, 64)
	at, job = time.UnixMilli(ms), parts[3]
	if err != nil || string(key) != string(DuePath(parts[0], at, job, parts[4], parts[5])) {
		return time.Time{}, "", false
	}
	return at, job, true
}
