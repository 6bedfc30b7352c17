// Package destruction owns the signed statement that the material of a KMS key was
// destroyed: what it says, the service event that carries it (docs/formats.md,
// "Destruction records"), and its verification.
//
// The keys that sign it are those of the audit trail's digests, which only the
// crypto module has. Its first member is a type of its own, which the module looks
// at, so that it can be taken for nothing else. It must never be made before the
// material is gone from the store's files. internal/jobs makes it; the operator's
// command verifies.
package destruction

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"trent/internal/awsjson"
	"trent/internal/digest"
)

// Type is the first member of the statement.
const Type = "trent-key-destruction-1"

const timeLayout = "2006-01-02T15:04:05.000Z"

// A Destruction is what a statement says.
type Destruction struct {
	Key       string   // ARN
	Materials [][]byte // ids of all that the key ever had, oldest first
	Time      time.Time
}

// Statement is the line that is signed.
func (d *Destruction) Statement() []byte {
	b := awsjson.AppendString([]byte(`{"type":"`+Type+`","key":`), d.Key)
	b = strconv.AppendInt(append(b, `,"materials":`...), int64(len(d.Materials)), 10)
	h := sha256.New()
	for _, id := range d.Materials {
		h.Write(id)
	}
	b = append(b, `,"materialsSha256":"`...)
	b = hex.AppendEncode(b, h.Sum(nil))
	b = append(b, `","destroyed":"`...)
	return append(d.Time.UTC().AppendFormat(b, timeLayout), `"}`...)
}

// Details are the event's serviceEventDetails.
func (d *Destruction) Details(signatures []digest.Signature) []byte {
	b := awsjson.AppendString([]byte(`{"keyId":`), d.Key)
	b = append(b, `,"keyMaterialIds":[`...)
	for i, id := range d.Materials {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(hex.AppendEncode(append(b, '"'), id), '"')
	}
	b = awsjson.AppendString(append(b, `],"statement":`...), string(d.Statement()))
	b = append(b, `,"signatures":[`...)
	for i, s := range signatures {
		if i > 0 {
			b = append(b, ',')
		}
		b = awsjson.AppendString(append(b, `{"algorithm":`...), s.Algorithm)
		b = awsjson.AppendString(append(b, `,"keyId":`...), s.KeyID)
		b = append(base64.StdEncoding.AppendEncode(append(b, `,"signature":"`...), s.Bytes), `"}`...)
	}
	return append(b, `]}`...)
}

// A Check verifies the destructions that it comes across in a trail.
type Check struct {
	// Keys are the trusted public keys (SPKI). ApprovedOnly takes statements that
	// only ECDSA signs.
	Keys         [][]byte `json:"-"`
	ApprovedOnly bool     `json:"-"`

	Verified int      `json:"verified"`
	Wrong    []string `json:"wrong,omitempty"` // at most maxWrong of them
}

const maxWrong = 100

// event is what is read of a record.
type event struct {
	EventName, EventType, EventID string
	Resources                     []struct{ ARN string }
	ServiceEventDetails           struct {
		KeyID          string
		KeyMaterialIds []string
		Statement      string
		Signatures     []struct{ Algorithm, KeyID, Signature string }
	}
}

// Visit looks at one record of the trail.
func (c *Check) Visit(record []byte) {
	if !bytes.Contains(record, []byte(Type)) {
		return
	}
	var e event
	if json.Unmarshal(record, &e) != nil || e.EventName != "DeleteKey" || e.EventType != "AwsServiceEvent" {
		return // somebody's request that has the text in it
	}
	if what := c.wrong(&e); what == "" {
		c.Verified++
	} else if len(c.Wrong) < maxWrong {
		c.Wrong = append(c.Wrong, fmt.Sprintf("the destruction of %s (event %s): %s", e.ServiceEventDetails.KeyID, e.EventID, what))
	}
}

// wrong says what is wrong with a destruction; "" if nothing is.
func (c *Check) wrong(e *event) string {
	details := &e.ServiceEventDetails
	var said struct{ Type, Key, Destroyed string }
	if err := json.Unmarshal([]byte(details.Statement), &said); err != nil || said.Type != Type {
		return "its statement is none"
	}
	d := Destruction{Key: details.KeyID}
	var err error
	if d.Time, err = time.Parse(timeLayout, said.Destroyed); err != nil {
		return "its statement has no time"
	}
	for _, text := range details.KeyMaterialIds {
		id, err := hex.DecodeString(text)
		if err != nil {
			return "a material's id is none"
		}
		d.Materials = append(d.Materials, id)
	}
	if !bytes.Equal(d.Statement(), []byte(details.Statement)) || len(e.Resources) != 1 || e.Resources[0].ARN != d.Key {
		return "what is signed is not what the record says"
	}
	var signatures []digest.Signature
	for _, s := range details.Signatures {
		b, err := base64.StdEncoding.DecodeString(s.Signature)
		if err != nil {
			return "a signature is none"
		}
		signatures = append(signatures, digest.Signature{Algorithm: s.Algorithm, KeyID: s.KeyID, Bytes: b})
	}
	return digest.CheckSigned([]byte(details.Statement), signatures, c.Keys, c.ApprovedOnly)
}
