// Package explain owns the answers for people about who may do what: why a
// request is allowed or denied, and who may use or administer a key. It asks
// internal/authz what would be decided, and internal/policy why.
//
// It must never decide anything by itself, nor change anything: what it says of
// a request is what the pipeline would do with it, apart from the key's state
// and what stands in its parameters. internal/admin and internal/node import it;
// its types are those of the operator's interface.
package explain

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/condkey"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/optable"
)

// Error is a question that cannot be asked.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

// Ask is a question whose principal and key were found.
type Ask struct {
	Caller      *identity.Caller
	Action      string              // kms:Decrypt
	Key         *key.Key            // nil for an action without a key
	Identifier  string              // what the request names the key by; empty: its id
	Alias       string              // alias/NAME that the action creates, updates or deletes; empty: not said
	Context     map[string]string   // encryption context
	Conditions  map[string][]string // condition keys that the request is to have, beside those that follow from the rest
	Environment authz.Environment
}

// Request is the request that is asked about.
func (a *Ask) Request() (*authz.Request, error) {
	op, side, name, err := operation(a.Action)
	if err != nil {
		return nil, err
	}
	caller := a.Caller
	if caller.Type == identity.TypeRole {
		caller = session(caller)
	}
	r := &authz.Request{Op: op, Action: name, Caller: caller, Side: side, Environment: a.Environment}
	if r.In, err = parameters(op, a.Context); err != nil {
		return nil, err
	}
	if r.Extra, err = a.given(); err != nil {
		return nil, err
	}
	switch target := optable.Of(op).Target; {
	case target == optable.Token && a.Key != nil:
		return nil, &Error{"who may retire a grant depends on the grant: its retiring principal, its grantee if it allows RetireGrant, and the accounts; ask without a key what his own policies say"}
	case a.Key != nil && onNone(target):
		return nil, &Error{name + " is asked without a key"}
	case a.Alias != "" && !changesAlias(op):
		return nil, &Error{name + " is not about an alias"}
	case a.Key != nil:
		r.On(a.Key)
		r.Identifier = a.Identifier
	case !onNone(target):
		return nil, &Error{name + " is asked about a key: say which"}
	}
	return r, nil
}

// onNone reports whether a target is no key.
func onNone(t optable.Target) bool {
	return t == optable.None || t == optable.KeyStore || t == optable.FilterKey || t == optable.Token
}

// Actions are the names of all actions of AWS KMS, in order.
func Actions() (all []string) {
	for _, op := range api.Ops() {
		for _, name := range optable.Of(op).Actions {
			if name != "" {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// operation is what an action is for. Its name may be in any case.
func operation(action string) (op api.Op, side int, name string, err error) {
	for _, op := range api.Ops() {
		for side, name := range optable.Of(op).Actions {
			if name != "" && strings.EqualFold(name, action) {
				return op, side, name, nil
			}
		}
	}
	text := fmt.Sprintf("%q is no action of AWS KMS; they are written as kms:Decrypt", action)
	if strings.EqualFold(action, "kms:ReEncrypt") {
		text = "ReEncrypt has two actions: kms:ReEncryptFrom on the one key, kms:ReEncryptTo on the other"
	}
	return 0, 0, "", &Error{text}
}

// sessionName is that of the session that stands for a role's sessions.
const sessionName = "explained"

// session is a session of a role, which itself signs no requests.
func session(role *identity.Caller) *identity.Caller { return sessionNamed(role, sessionName) }

func sessionNamed(role *identity.Caller, name string) *identity.Caller {
	c := *role
	named := arn.ParsePrincipal(c.PrincipalARN)
	c.Session = &identity.Session{Name: name, RoleARN: c.PrincipalARN}
	c.Type, c.PrincipalID = identity.TypeSession, c.PrincipalID+":"+name
	c.PrincipalARN = arn.Principal{
		Kind: arn.RoleSession, Partition: named.Partition, Account: named.Account, Name: named.Name, Session: name,
	}.String()
	return &c
}

// parameters make a request of the operation with an encryption context.
func parameters(op api.Op, context map[string]string) (api.Request, error) {
	if len(context) == 0 {
		return api.NewRequest(op), nil
	}
	var pairs []awsjson.Pair
	for name, value := range context {
		pairs = append(pairs, awsjson.Pair{Key: name, Value: value})
	}
	text := string(awsjson.AppendStringMap(nil, pairs))
	k, _ := condkey.Find("kms:encryptioncontextkeys")
	switch {
	case op == api.OpReEncrypt:
		text = `{"SourceEncryptionContext":` + text + `,"DestinationEncryptionContext":` + text + `}`
	case op == api.OpCreateGrant:
		text = `{"Constraints":{"EncryptionContextEquals":` + text + `}}`
	case k.Ops.Has(op) && op != api.OpRetireGrant:
		text = `{"EncryptionContext":` + text + `}`
	default:
		return nil, &Error{op.String() + " has no encryption context"}
	}
	in, err := api.Decode(op, []byte(text))
	if err != nil {
		return nil, &Error{"the encryption context cannot be one: " + err.Error()}
	}
	return in, nil
}
