package record

import (
	"fmt"
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

// DueJob returns the job of a due row, "" if key is none.
func DueJob(key []byte) string {
	parts := strings.Split(string(key), "/")
	if len(parts) != 6 || parts[1] != KindDue {
		return ""
	}
	return parts[3]
}
