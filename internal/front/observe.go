package front

import (
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/wire"
)

// An Observer is told of requests, for metrics and logs. It is called on the
// request's way, by many goroutines, and must be quick.
type Observer interface {
	// Began is called before anything of a request is looked at.
	Began()
	// Ended is called once for each Began, when the answer is ready to leave.
	Ended(Outcome)
}

// An Outcome is what an Observer may know of a request: nothing secret, and no
// part of its body or headers.
type Outcome struct {
	Op            api.Op      // of KMS; 0: none of AWS's
	Query         string      // of IAM and STS, as iam:CreateUser; "": none
	Code          apierr.Code // "" on success
	Status        int         // of HTTP
	Took          time.Duration
	RequestBytes  int // of the body
	AnswerBytes   int // of the body
	Region        string
	Account       string // "" unless the signature was verified
	PrincipalType string // Root, IAMUser, …
	Principal     string // ARN; "" unless the signature was verified
	KeyARN        string // of the key that was authorized (the first, if two) or created; "" if there is none
	RequestID     string
	EventID       string // of the audit record; "" if Counted
	Listener      string
	SourceIP      string
	// Unrecorded says that the audit trail has no record: a stranger's call over
	// the cap, or the trail failed.
	Unrecorded bool
	// Counted says that the call is refused and stands in a record with others.
	Counted bool
}

func outcome(c *call.Common, r *wire.Request, a *Answer, code apierr.Code, recorded bool, took time.Duration) Outcome {
	o := Outcome{
		Code: code, Status: a.Status, Took: took, RequestBytes: len(r.Body), AnswerBytes: len(a.Body),
		Region: c.Region, Account: c.Caller.Account, PrincipalType: c.Caller.Type, Principal: c.Caller.PrincipalARN,
		RequestID: c.RequestID, EventID: c.EventID, Listener: c.Listener, SourceIP: c.SourceIP, Unrecorded: !recorded, Counted: c.Counted,
	}
	if o.Counted {
		o.EventID = ""
	}
	return o
}
