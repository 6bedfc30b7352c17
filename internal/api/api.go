// Package api owns the surface of the AWS KMS API: the operations, their
// requests and answers, what the model demands of them, and how they stand in
// JSON. The files *_gen.go are made by tools/apigen from api/model.json; the
// rest is written by hand.
//
// It must never look at a key, a caller or a policy, and never let a sensitive
// member into a message, an audit record or a printed value. Everyone on the
// service's side may import it; it imports internal/awsjson and the standard
// library only.
//
// It follows the AWS KMS API Reference (2014-11-01) and the awsJson 1.1
// protocol. Names are AWS's, KeyId included, so that they can be looked up.
package api

//go:generate go -C ../../tools run ./apigen -model ../api/model.json -out ../internal/api

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"trent/internal/awsjson"
)

// Op is an operation, 1 to NumOps. The zero Op is none.
type Op uint8

// String is the operation's name, as in X-Amz-Target.
func (o Op) String() string {
	if o.valid() {
		return opNames[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

func (o Op) valid() bool { return o >= 1 && o <= NumOps }

// Ops lists all operations in the order of their names.
func Ops() []Op {
	all := make([]Op, NumOps)
	for i := range all {
		all[i] = Op(i + 1)
	}
	return all
}

// Errors lists the codes of the errors that the model names for the operation.
// Those that any operation may answer with (ValidationException,
// AccessDeniedException, ThrottlingException and so on) are not among them.
func (o Op) Errors() []string {
	if !o.valid() {
		return nil
	}
	return slices.Clone(opErrors[o])
}

// MaxBody is the number of bytes that a request body may have: at least
// 64 KiB, and enough for every member at its maximum.
func (o Op) MaxBody() int {
	if !o.valid() {
		return 0
	}
	return opMaxBody[o]
}

// Members lists the names of the request's members; bit i of Members is
// element i.
func (o Op) Members() []string {
	if !o.valid() {
		return nil
	}
	return slices.Clone(opMembers[o])
}

// Members is a set of members of one request, or of one structure within it.
// Bits are generated constants such as EncryptDryRun.
type Members uint64

// MemberName is the name of the lowest member in m; empty if op has none such.
func MemberName(op Op, m Members) string {
	i := bits.TrailingZeros64(uint64(m))
	if !op.valid() || i >= len(opMembers[op]) {
		return ""
	}
	return opMembers[op][i]
}

// Pair is one entry of an encryption context.
type Pair = awsjson.Pair

// EncryptionContext holds the pairs in the order of their keys' bytes; keys
// are unique. Nil and empty mean the same.
type EncryptionContext []Pair

// Request is the input of an operation.
type Request interface {
	// Op is the operation.
	Op() Op
	// Present is the set of members that the request carried (not null).
	Present() Members
	// Validate returns a *ValidationError with every constraint of the model
	// that is violated, or nil.
	Validate() error
	// AppendAudit appends requestParameters of the audit record: a JSON object
	// of the members that may be recorded, in lowerCamel, or null if there are
	// none. It works on requests that are not valid, too, and appends at most
	// about twice the bytes of the request's body.
	AppendAudit(dst []byte) []byte
	// Wipe overwrites the sensitive bytes.
	Wipe()
}

// KeyRequest is a request with the member KeyId.
type KeyRequest interface {
	Request
	// KeyIdentifier returns KeyId and whether the request carried it.
	KeyIdentifier() (string, bool)
}

// GrantTokenRequest is a request with the member GrantTokens.
type GrantTokenRequest interface {
	Request
	GrantTokenList() []string
}

// DryRunRequest is a request with the member DryRun.
type DryRunRequest interface {
	Request
	IsDryRun() bool
}

// Response is the output of an operation that has one.
type Response interface {
	// AppendJSON appends the body.
	AppendJSON(dst []byte) []byte
	// Wipe overwrites the sensitive bytes.
	Wipe()
}

var (
	errUnknownRequest = errors.New("api: a request of no operation")
	errMarshal        = errors.New("api: a request or answer cannot be marshalled")
)

// Decode reads the request of op from a body. It checks the JSON and its
// types, not the constraints: Validate does. Errors are *awsjson.Error, which
// the wire answers with SerializationException. Unknown members are skipped.
// The request holds no part of body, so that the caller can wipe it.
//
// An empty body is refused: clients send at least {} (AWS's own do, and no
// recorded answer of AWS accepts less).
func Decode(op Op, body []byte) (Request, error) {
	if !op.valid() {
		return nil, errUnknownRequest
	}
	s := awsjson.NewScanner(body)
	r := decode(op, &s)
	if err := s.End(); err != nil {
		r.Wipe()
		return nil, err
	}
	return r, nil
}

// answer makes an operation's result a Response: a nil interface when there is
// an error, so that nobody meets a nil pointer in it.
func answer[T any, R interface {
	*T
	Response
}](r R, err error) (Response, error) {
	if err != nil || r == nil {
		return nil, err
	}
	return r, nil
}

// closeWith ends an object or list: c takes the place of the last comma.
func closeWith(dst []byte, c byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = c
		return dst
	}
	return append(dst, c)
}
