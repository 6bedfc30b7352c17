// Package identity owns who calls: accounts, principals with their compiled
// policies, access keys and sessions, and their SigV4 day keys. Its records are
// global (pseudo-Region "global"); the secret of an access key exists as a token
// that only the crypto module can open, and the service sees no more of it than
// the day keys that the module derives.
//
// It caches what it has looked up, and nothing of it holds beyond a commit that
// changes one of the records behind it (changes.go). It must never decide what a
// principal may do (internal/authz does), and what it cannot find must never
// allow more: it denies everything.
package identity

// CloudTrail's types of userIdentity.
const (
	TypeRoot    = "Root"
	TypeUser    = "IAMUser"
	TypeSession = "AssumedRole" // of a role's session
	TypeRole    = "Role"        // of a role itself, which calls by its sessions only
	TypeService = "AWSService"
)

// Caller is an authenticated principal, as the records said when it was looked
// up. It is immutable.
type Caller struct {
	Account      string // 12 digits
	PrincipalARN string // arn:aws:iam::<account>:root, …:user/…, arn:aws:sts::…:assumed-role/…
	PrincipalID  string // AWS: aws:userid; the account id for root, AROA…:<session name> for a role's session
	Type         string // CloudTrail's userIdentity.type: Root, IAMUser, AssumedRole, …
	UserName     string // IAM users only
	AccessKeyID  string

	Permissions *Permissions // nil: none
	Session     *Session     // nil for long-term credentials
	Service     *Service     // not nil: a service, which has neither; no request from outside has such a caller
}

// Service is a part of Trent that calls for itself, as AWS's services do.
type Service struct {
	Principal     string // as cloudtrail.amazonaws.com
	SourceARN     string // what it calls for: aws:SourceArn
	SourceAccount string // whose that is: aws:SourceAccount, 12 digits
}

// Shown is the caller's name in a refusal.
func (c *Caller) Shown() string {
	if c.Service != nil {
		return c.Service.Principal
	}
	return c.PrincipalARN
}

// Tag returns the value of a principal tag: of the session, or else of the user
// or the role. IAM's tag keys are the same in any case; key is in lower case.
func (c *Caller) Tag(key string) (value string, ok bool) {
	if c.Session != nil {
		if value, ok = c.Session.tags[key]; ok {
			return value, true
		}
	}
	if c.Permissions != nil {
		value, ok = c.Permissions.Tags[key]
	}
	return value, ok
}
