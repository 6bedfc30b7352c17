// Package audittest makes audit trails for tests and benchmarks: records as a busy
// service writes them, of many keys, callers and days. Which record has which
// number is the same each time.
//
// It must never be part of a program that is released. Only tests and the
// programs that measure import it.
package audittest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"trent/internal/audit"
)

// Calls says what the records of a trail are about.
type Calls struct {
	Total  int           // records
	Keys   int           // of which some are used much more than others
	Users  int           // half of them roles, with a session in an hour each
	Begin  time.Time     // of the first record
	Length time.Duration // from the first to the last
}

// The account and the Region of all records.
const (
	Account = "111122223333"
	Region  = "eu-central-1"
)

// KeyARN is the ARN of a key, from 0.
func KeyARN(n int) string {
	return "arn:aws:kms:" + Region + ":" + Account + ":key/" + uuid(1, uint64(n))
}

// uuid is one of a kind's.
func uuid(kind, n uint64) string {
	r := rand.NewPCG(kind, n)
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// operations with their shares, of a thousand.
var operations = [...]struct {
	name       string
	share      int
	parameters string // besides the key and the context
	context    bool
}{
	{"Decrypt", 480, `"encryptionAlgorithm":"SYMMETRIC_DEFAULT",`, true},
	{"GenerateDataKey", 230, `"keySpec":"AES_256",`, true},
	{"Encrypt", 130, `"encryptionAlgorithm":"SYMMETRIC_DEFAULT",`, true},
	{"DescribeKey", 100, "", false},
	{"GenerateMac", 30, `"macAlgorithm":"HMAC_SHA_256",`, false},
	{"GetKeyPolicy", 20, `"policyName":"default",`, false},
	{"CreateGrant", 10, `"granteePrincipal":"arn:aws:iam::111122223333:role/app","operations":["Decrypt"],`, false},
}

// Append appends the n-th record.
func (c *Calls) Append(dst []byte, n int) []byte {
	r := rand.New(rand.NewPCG(0, uint64(n)))
	at := c.Begin.Add(time.Duration(float64(c.Length) * float64(n) / float64(c.Total)))
	key := int(float64(c.Keys) * r.Float64() * r.Float64() * r.Float64())
	o := 0
	for share := r.IntN(1000); share >= operations[o].share; o++ {
		share -= operations[o].share
	}
	op := &operations[o]
	arn := KeyARN(key)
	parameters := `{` + op.parameters
	if op.context && r.IntN(3) > 0 {
		parameters += `"encryptionContext":{"tenant":"t` + strconv.Itoa(r.IntN(2000)) + `","service":"billing"},`
	}
	e := audit.Event{
		UserIdentity: c.user(r.IntN(c.Users), at), Time: at, Source: "kms.amazonaws.com", Name: op.name, Region: Region,
		SourceIP: "10.1." + strconv.Itoa(key%200) + ".17", UserAgent: "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4 m/E,e",
		RequestParameters: []byte(parameters + `"keyId":"` + arn + `"}`), KeyMaterialID: "c7e25c88e818f4f29be98872b525feae78de507c0a7b15a3d06b4aef1dd0e884",
		ListenerID: "main", RequestID: uuid(2, uint64(n)), EventID: uuid(3, uint64(n)), ReadOnly: op.name != "CreateGrant",
		Resources: []audit.Resource{{AccountID: Account, ARN: arn}}, Type: audit.TypeAPICall, RecipientAccountID: Account,
		TLS: &audit.TLSDetails{Version: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ClientProvidedHostHeader: "kms.example.internal", KeyExchange: "X25519MLKEM768"},
	}
	if r.IntN(100) == 0 {
		e.ErrorCode, e.ErrorMessage = "AccessDenied", "User is not authorized to perform this operation"
	}
	return e.AppendJSON(dst)
}

// user is one of the callers.
func (c *Calls) user(n int, at time.Time) audit.UserIdentity {
	name := "svc-" + strconv.Itoa(n)
	if n%2 == 0 {
		return audit.UserIdentity{Type: "IAMUser", PrincipalID: fmt.Sprintf("AIDA%016d", n), ARN: "arn:aws:iam::" + Account + ":user/" + name,
			AccountID: Account, AccessKeyID: fmt.Sprintf("AKIA%016d", n), UserName: name}
	}
	hour := at.Truncate(time.Hour)
	return audit.UserIdentity{Type: "AssumedRole", PrincipalID: fmt.Sprintf("AROA%016d:s", n), ARN: "arn:aws:sts::" + Account + ":assumed-role/" + name + "/s",
		AccountID: Account, AccessKeyID: fmt.Sprintf("ASIA%06d%010d", n, hour.Unix()),
		Session: &audit.SessionContext{Issuer: audit.UserIdentity{Type: "Role", PrincipalID: fmt.Sprintf("AROA%016d", n), ARN: "arn:aws:iam::" + Account + ":role/" + name,
			AccountID: Account, UserName: name}, Created: hour}}
}

// Write appends the records from one number to before another.
func (c *Calls) Write(ctx context.Context, t *audit.Trail, from, to int) error {
	var record []byte
	for n := from; n < to; n++ {
		record = c.Append(record[:0], n)
		if err := t.Append(ctx, record); err != nil {
			return err
		}
	}
	return nil
}
