package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// KindDue is the kind of the rows that say what a job has to do and when:
// <region>/due/<Unix milliseconds, 20 digits>/<job>/<account>/<key id>. They
// are written in the transaction that makes the thing due and sort by time,
// so that a job reads the first few and never scans.
const KindDue = "due"

// The jobs of due rows.
const (
	JobRotate         = "rotate"          // a Region's domain key
	JobRewrap         = "rewrap"          // the Region's tokens, after a rotation
	JobDelete         = "delete"          // a KMS key, at the end of its waiting period
	JobExpire         = "expire"          // temporary credentials, some time after they are over
	JobRotateKey      = "rotate-key"      // the automatic rotation of a KMS key
	JobExpireMaterial = "expire-material" // an imported material, when it expires
	JobReplicate      = "replicate"       // what a multi-Region key has to bring to its other Regions
)

// Due is a due row taken apart. Account and KeyID are "-" where the job has
// none. KeyID is an access key's where the job is about one.
type Due struct {
	Region  string
	At      time.Time // whole milliseconds
	Job     string
	Account string
	KeyID   string
}

// Path is the store key of the row.
func (d *Due) Path() []byte { return DuePath(d.Region, d.At, d.Job, d.Account, d.KeyID) }

// DuePath is the row of one thing that is due. A part that the kind of job
// does not have is "-".
func DuePath(region string, at time.Time, job, account, keyID string) []byte {
	return path(region, KindDue, dueTime(at), job, account, keyID)
}

// expiredFor is how long the record of temporary credentials is kept that are
// over: so long their user is told that they are expired, and after it that they
// are not known.
const expiredFor = time.Hour

// SessionDue is when the record of temporary credentials goes.
func SessionDue(account, accessKeyID string, expires time.Time) *Due {
	return &Due{Region: Global, At: expires.Add(expiredFor), Job: JobExpire, Account: account, KeyID: accessKeyID}
}

// DuePrefix is the prefix of a Region's due rows.
func DuePrefix(region string) []byte { return path(region, KindDue, "") }

// DueEnd is the first store key after all rows of a Region that are due at now:
// a range from DuePrefix to it covers them.
func DueEnd(region string, now time.Time) []byte {
	return path(region, KindDue, dueTime(now.Add(time.Millisecond)))
}

func dueTime(at time.Time) string { return fmt.Sprintf("%020d", at.UnixMilli()) }

// ParseDue takes a due row's store key apart; ok is false for a key that
// DuePath does not make.
func ParseDue(key []byte) (d Due, ok bool) {
	parts := strings.Split(string(key), "/")
	if len(parts) != 6 || parts[1] != KindDue {
		return Due{}, false
	}
	ms, err := strconv.ParseInt(parts[2], 10, 64)
	d = Due{Region: parts[0], At: time.UnixMilli(ms), Job: parts[3], Account: parts[4], KeyID: parts[5]}
	if err != nil || string(key) != string(d.Path()) {
		return Due{}, false
	}
	return d, true
}
