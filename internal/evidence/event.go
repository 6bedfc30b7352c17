package evidence

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/optable"
)

// event is what the report needs of a record.
type event struct {
	EventTime     time.Time       `json:"eventTime"`
	EventSource   string          `json:"eventSource"`
	EventName     string          `json:"eventName"`
	EventType     string          `json:"eventType"`
	EventID       string          `json:"eventID"`
	ErrorCode     string          `json:"errorCode"`
	Region        string          `json:"awsRegion"`
	ReadOnly      bool            `json:"readOnly"`
	Recipient     string          `json:"recipientAccountId"`
	RequestParams json.RawMessage `json:"requestParameters"`
	Response      json.RawMessage `json:"responseElements"`
	Details       json.RawMessage `json:"serviceEventDetails"`
	Additional    struct {
		OutcomeUnknown string `json:"outcomeUnknown"`
		ClaimedKey     string `json:"claimedAccessKeyId"`
		GrantID        string `json:"grantId"`
	} `json:"additionalEventData"`
	Resources []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
	UserIdentity struct {
		Type        string `json:"type"`
		PrincipalID string `json:"principalId"`
		ARN         string `json:"arn"`
		AccountID   string `json:"accountId"`
		UserName    string `json:"userName"`
		InvokedBy   string `json:"invokedBy"`
	} `json:"userIdentity"`
}

// Sources of events.
const (
	sourceKMS   = "kms.amazonaws.com"
	sourceTrent = "trent"
)

// success is the result of a call that did not fail.
const success = "Success"

// refusedCalls is the event that stands for many refused calls.
const refusedCalls = "RefusedCalls"

const (
	typeCall    = "AwsApiCall"
	typeService = "AwsServiceEvent"
)

// principal is who called, as well as the record knows.
func (e *event) principal() string {
	u := &e.UserIdentity
	if u.Type == "Operator" {
		return "operator " + u.UserName + " (" + u.PrincipalID + ")"
	}
	return cmp.Or(u.ARN, u.UserName, u.PrincipalID, u.InvokedBy, u.AccountID)
}

// result is the error's code, or success.
func (e *event) result() string { return cmp.Or(e.ErrorCode, success) }

// keys are the KMS keys that the event is about. A refused call has no resources: it
// is about what its caller named, an alias being the key's that has it now; whether
// there is such a key the record does not say then.
func (e *event) keys(aliases map[place]place) (all []place, exist bool) {
	for i := range e.Resources {
		if p, ok := placeOf(e.Resources[i].ARN); ok {
			all = append(all, p)
		}
	}
	if len(all) > 0 || e.ErrorCode == "" || e.EventSource != sourceKMS {
		return all, true
	}
	var in struct {
		KeyID       string `json:"keyId"`
		TargetKeyID string `json:"targetKeyId"`
		Source      string `json:"sourceKeyId"`
		Destination string `json:"destinationKeyId"`
	}
	if json.Unmarshal(e.RequestParams, &in) != nil {
		return nil, false
	}
	for _, named := range [...]string{in.KeyID, in.TargetKeyID, in.Source, in.Destination} {
		p := place{e.Region, e.Recipient, named}
		switch id := arn.Parse(named); id.Kind {
		case arn.KeyARN, arn.AliasARN:
			p = place{id.Region, id.Account, id.ID}
		case arn.KeyID, arn.AliasName:
		default:
			continue
		}
		if strings.HasPrefix(p.id, "alias/") {
			var ok bool
			if p, ok = aliases[p]; !ok {
				continue
			}
		}
		all = append(all, p)
	}
	return all, false
}

// place is where a key is.
type place struct{ region, account, id string }

// placeOf reads a key's ARN.
func placeOf(text string) (place, bool) {
	id := arn.Parse(text)
	if id.Kind != arn.KeyARN {
		return place{}, false
	}
	return place{id.Region, id.Account, id.ID}, true
}

// changed reports whether the event is a change that happened, or may have.
func (e *event) changed() bool {
	return !e.ReadOnly && (e.ErrorCode == "" || e.Additional.OutcomeUnknown != "")
}

// operations tell the cryptographic operations of KMS from the others.
type operations map[string]bool

func newOperations() operations {
	all := operations{}
	for _, op := range api.Ops() {
		if optable.Of(op).Usage != "" {
			all[op.String()] = true
		}
	}
	return all
}

// kind is what sort of a use the event is.
func (all operations) kind(e *event) string {
	crypto := e.EventSource == sourceKMS && all[e.EventName]
	switch {
	case crypto && e.ErrorCode == "":
		return KindUse
	case crypto:
		return KindRefused
	case e.ReadOnly:
		return KindRead
	}
	return KindAttempt
}

// policyOf is the key policy that a change puts: as it was given, or in words.
func (e *event) policyOf() (text string, ok bool) {
	if e.EventSource != sourceKMS {
		return "", false
	}
	var in struct {
		Policy  *string `json:"policy"`
		Omitted bool    `json:"omitted"`
	}
	switch e.EventName {
	case "PutKeyPolicy", "CreateKey":
		if json.Unmarshal(e.RequestParams, &in) != nil {
			return "", false
		}
	default:
		return "", false
	}
	switch {
	case in.Policy != nil:
		return *in.Policy, true
	case in.Omitted:
		return "(the record does not have the policy: its parameters are too long)", true
	case e.EventName == "CreateKey":
		return "(the default key policy: the key's account decides by its own policies)", true
	}
	return "", false
}

// refusals is how many calls a RefusedCalls event stands for.
func (e *event) refusals() uint64 {
	var d struct{ Calls uint64 }
	_ = json.Unmarshal(e.Details, &d)
	return d.Calls
}

// resets reports whether an event of the service puts the state of another time
// in the place of the one before.
func resets(name string) bool {
	return strings.HasPrefix(name, "RestoreBackup") || name == "ReplaceAuditTrail"
}
