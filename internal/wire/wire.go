// Package wire owns the request as the pipeline gets it, and of the AWS JSON 1.1
// protocol which operation a request asks for, and how an error is spelled. It
// knows HTTP statuses, as internal/query does for the Query protocol and nothing
// else, and must never know net/http (internal/edge does), so that another HTTP
// engine can take its place. internal/front and internal/edge may import it.
package wire

import (
	"net/netip"
	"strings"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/query"
)

// ContentType is the protocol's media type.
const ContentType = "application/x-amz-json-1.1"

// TargetPrefix stands before an operation's name in X-Amz-Target.
const TargetPrefix = "TrentService."

// CloudTrailPrefix stands there before those of AWS CloudTrail. The AWS CLI and
// boto3 put the name of a package before it, newer SDKs do not.
const (
	CloudTrailPrefix  = "CloudTrail_20131101."
	cloudTrailPackage = "com.amazonaws.cloudtrail.v20131101."
)

// Request is an HTTP request with its body read.
type Request struct {
	Method, Path, RawQuery, Host string
	Header                       map[string][]string // names in MIME canonical form
	Body                         []byte
	Op                           api.Op
	// Query says that the request is one of the Query protocol: the body says what
	// it asks for, and Op is 0.
	Query bool
	// CloudTrail is the operation that AWS CloudTrail is asked for, if it is, and
	// Op is 0.
	CloudTrail string
	// Err, an *apierr.Error, says that the request never became one: an
	// unknown target, a body too large, too slow or too short.
	Err      error
	Remote   netip.Addr
	Listener string
	TLS      *audit.TLSDetails
	Received time.Time
	// KeyID is what CreateKey gives the new key in place of a random id. Only a
	// seed of trent dev sets it; nothing that comes over the network can.
	KeyID string
}

// First returns the first value of a header, given in canonical form.
func (r *Request) First(name string) string {
	if v := r.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

const (
	// maxUnknownBody is read of a request whose operation is unknown, so that it
	// gets an answer before the connection closes.
	maxUnknownBody = 64 << 10
	// maxCloudTrailBody is several times what a lookup has.
	maxCloudTrailBody = 64 << 10
)

// Aim fills in what a request asks for, by its line and headers (Op, Query,
// CloudTrail, or Err), and returns how long its body may be.
func (r *Request) Aim() (maxBody int) {
	if r.Query = isQuery(r); r.Query {
		return query.MaxBody
	}
	target, err := target(r.Method, r.Path, r.Header)
	if name, ok := strings.CutPrefix(strings.TrimPrefix(target, cloudTrailPackage), CloudTrailPrefix); ok && name != "" {
		r.CloudTrail = name
		return maxCloudTrailBody
	}
	op, known := Operation(target)
	if err == nil && !known {
		err = unknownOperation()
	}
	if r.Op, r.Err = op, err; err != nil {
		return maxUnknownBody
	}
	return r.Op.MaxBody()
}

// isQuery: a form, and no target of the JSON protocol.
func isQuery(r *Request) bool {
	return r.Method == "POST" && r.Path == "/" && len(r.Header["X-Amz-Target"]) == 0 && mediaType(r.Header) == query.MediaType
}

// mediaType is the Content-Type without its parameters.
func mediaType(header map[string][]string) string {
	media, _, _ := strings.Cut(first(header["Content-Type"]), ";")
	return strings.TrimSpace(media)
}

// target returns the X-Amz-Target of a request of the protocol, or
// UnknownOperationException.
func target(method, path string, header map[string][]string) (string, error) {
	target := header["X-Amz-Target"]
	if method != "POST" || path != "/" || len(target) != 1 || mediaType(header) != ContentType {
		return "", unknownOperation()
	}
	return target[0], nil
}

// Operation is the operation that an X-Amz-Target names.
func Operation(target string) (op api.Op, ok bool) {
	name, ok := strings.CutPrefix(target, TargetPrefix)
	if !ok {
		return 0, false
	}
	return api.ParseOp(name)
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func unknownOperation() error { return &apierr.Error{Code: apierr.UnknownOperation} }

// Status is the HTTP status of an error code: 400 for every fault of the
// client's, which is what AWS KMS sends, though its public model claims others.
func Status(code apierr.Code) int {
	switch code {
	case apierr.KMSInternal, apierr.DependencyTimeout, apierr.KeyUnavailable:
		return 500
	case apierr.ServiceUnavailable:
		return 503
	case apierr.RequestEntityTooLarge:
		return 413
	case apierr.RequestTimeout:
		return 408
	default:
		return 400
	}
}

// AppendError appends an error's body. A message that AWS does not give is absent.
func AppendError(dst []byte, e *apierr.Error) []byte {
	dst = append(dst, `{"__type":`...)
	dst = awsjson.AppendString(dst, string(e.Code))
	if e.Message != "" {
		dst = append(dst, `,"message":`...)
		dst = awsjson.AppendString(dst, e.Message)
	}
	return append(dst, '}')
}
