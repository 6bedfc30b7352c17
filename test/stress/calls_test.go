package stress

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/test/harness"
)

// wait bounds what another process is waited for.
const wait = time.Minute

// service is a trent serve whose data folder is on a disk of its own.
type service struct {
	*harness.Server
	p *harness.Production
}

// serve starts one; its programs, configuration and sockets are on another disk. A
// call whose disk does not answer fails after stall.
func serve(t *testing.T, path, durability string, stall time.Duration) *service {
	t.Helper()
	p := harness.NewFolder(t)
	p.Data = filepath.Join(path, "data")
	p.Write(fmt.Sprintf("module: {child: {program: %s, key_file: module/key}}\nunseal: {same_user: true}\naudit: {durability: %s, stall_timeout: %v}\n"+
		"admin: {socket: admin.sock}\nmetrics: {address: 127.0.0.1:0}\n", harness.Program("trent-hsm"), durability, stall))
	p.Init()
	return &service{Server: p.Serve(), p: p}
}

// A made is a call that was made, as its client saw it.
type made struct {
	operation, requestID, code string // code: "OK", or AWS's error code
	key                        string // that it has created
}

// callers are clients that call at the same time and keep what they were told.
type callers struct {
	s      *service
	t      *testing.T
	client http.Client
	inputs map[string]object

	succeeded, failed atomic.Int64

	mu   sync.Mutex
	made []made
}

// operations are what the callers do, in turns: use of keys, which must not happen
// without a record, a change, and a read.
var operations = []string{"Encrypt", "Decrypt", "Sign", "GenerateMac", "GenerateDataKey", "CreateKey", "DescribeKey"}

func newCallers(t *testing.T, s *service) *callers {
	t.Helper()
	create := func(in object) string {
		return s.MustAs(t, s.p.Who, "CreateKey", in)["KeyMetadata"].(object)["KeyId"].(string)
	}
	key := create(object{})
	blob := s.MustAs(t, s.p.Who, "Encrypt", object{"KeyId": key, "Plaintext": "AAAA"})["CiphertextBlob"]
	c := &callers{s: s, t: t, inputs: map[string]object{
		"Encrypt": {"KeyId": key, "Plaintext": "AAAA"}, "Decrypt": {"CiphertextBlob": blob}, "GenerateDataKey": {"KeyId": key, "KeySpec": "AES_256"},
		"Sign":        {"KeyId": create(object{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}), "Message": "AAAA", "SigningAlgorithm": "ECDSA_SHA_256"},
		"GenerateMac": {"KeyId": create(object{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}), "Message": "AAAA", "MacAlgorithm": "HMAC_SHA_256"},
		"CreateKey":   {}, "DescribeKey": {"KeyId": key},
	}}
	c.connect()
	return c
}

// connect has the clients call the server where it is now.
func (c *callers) connect() {
	transport := c.s.Transport()
	transport.DisableKeepAlives = false
	c.client = http.Client{Timeout: wait, Transport: transport}
}

// call makes a call and keeps what came of it; false: the server did not answer.
func (c *callers) call(operation string) (m made, answered bool) {
	res, err := c.client.Do(c.s.HTTPRequest(c.t, harness.Request{Operation: operation, Who: c.s.p.Who, Body: harness.Marshal(c.inputs[operation])}))
	if err != nil {
		return m, false
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return m, false // the connection has ended in the middle
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	r := harness.ReadResponse(c.t, res)
	m = made{operation: operation, requestID: r.Header.Get("X-Amzn-Requestid"), code: "OK"}
	if r.Status == http.StatusOK {
		if operation == "CreateKey" {
			m.key = r.JSON(c.t)["KeyMetadata"].(object)["KeyId"].(string)
		}
		defer c.succeeded.Add(1)
	} else {
		m.code = r.Type
		defer c.failed.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, m)
	return m, true
}

// load has clients call until the returned function is called, or the server does not
// answer any more.
func (c *callers) load(clients int) (end func()) {
	var all sync.WaitGroup
	var ending atomic.Bool
	for i := range clients {
		all.Go(func() {
			for n := i; !ending.Load(); n++ {
				if _, answered := c.call(operations[n%len(operations)]); !answered {
					return
				}
			}
		})
	}
	return func() {
		ending.Store(true)
		all.Wait()
	}
}

// more waits until so many more calls have succeeded.
func (c *callers) more(calls int64) {
	c.t.Helper()
	want := c.succeeded.Load() + calls
	if !harness.Eventually(wait, func() bool { return c.succeeded.Load() >= want }) {
		c.t.Fatalf("calls do not succeed: %d did, %d failed\n%s", c.succeeded.Load(), c.failed.Load(), c.s.Output())
	}
}

// verified fails the test unless the trail verifies, as a stop, a crash or a loss of
// power has left it.
func (c *callers) verified() {
	c.t.Helper()
	if out, code := harness.Run(c.t, "audit", "verify", filepath.Join(c.s.Data, "audit")); code != 0 {
		c.t.Errorf("the trail does not verify (code %d):\n%s", code, out)
	}
}

// What the trail of a server that was stopped has.
type recorded struct {
	c       *callers
	times   map[string]int // how often each request
	created map[string]int // and each creation of a key
	inGaps  int            // calls that are counted in the records of gaps
	cuts    int            // ends that were cut off
	records int
}

// read reads and verifies it.
func (c *callers) read() recorded {
	c.t.Helper()
	c.verified()
	records, err := harness.ReadAudit(c.s.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	r := recorded{c: c, times: map[string]int{}, created: map[string]int{}, records: len(records)}
	for _, record := range records {
		switch name := record.Text("eventName"); {
		case name == "UnrecordedCalls":
			r.inGaps += int(record.Members["serviceEventDetails"].(object)["calls"].(float64))
		case name == "CutAuditTrail":
			r.cuts++
		case name == "CreateKey" && record.Text("errorCode") == "":
			for _, arn := range record.Keys() {
				r.created[arn[strings.LastIndexByte(arn, '/')+1:]]++
			}
		}
		r.times[record.Text("requestID")]++
	}
	c.t.Logf("%d calls succeeded, %d failed; %d records", c.succeeded.Load(), c.failed.Load(), r.records)
	return r
}

// mutations checks that the trail has the creation of each of keys, which are all
// that the store has, once, and of no other; and that no key was lost.
func (r *recorded) mutations(keys map[string]bool) {
	t := r.c.t
	t.Helper()
	for _, m := range r.c.made {
		if m.key != "" && !keys[m.key] {
			t.Errorf("key %s was created, and is not there", m.key)
		}
	}
	for key := range keys {
		if r.created[key] != 1 {
			t.Errorf("the trail has the creation of key %s %d times", key, r.created[key])
		}
	}
	if len(r.created) != len(keys) {
		t.Errorf("the trail has the creations of %d keys, the store %d keys", len(r.created), len(keys))
	}
}

// calls checks that every call that succeeded has its one record.
func (r *recorded) calls() {
	r.c.t.Helper()
	for _, m := range r.c.made {
		if n := r.times[m.requestID]; m.code == "OK" && n != 1 {
			r.c.t.Errorf("%s succeeded, and has %d records", m.operation, n)
		}
	}
}

// gaps checks that every call that failed has a record, or is counted in that of a gap.
func (r *recorded) gaps() {
	r.c.t.Helper()
	failed, without := 0, 0
	for _, m := range r.c.made {
		if m.code != "OK" {
			failed++
			if r.times[m.requestID] == 0 {
				without++
			}
		}
	}
	if r.inGaps == 0 || r.inGaps < without || r.inGaps > failed {
		r.c.t.Errorf("%d calls failed, %d of them have no record of their own, and %d are counted in those of gaps", failed, without, r.inGaps)
	}
}

// keys are all KMS keys that the store has.
func (c *callers) keys() map[string]bool {
	c.t.Helper()
	keys, in := map[string]bool{}, object{"Limit": 1000}
	for {
		page := c.s.MustAs(c.t, c.s.p.Who, "ListKeys", in)
		for _, key := range page["Keys"].([]any) {
			keys[key.(object)["KeyId"].(string)] = true
		}
		if page["Truncated"] != true {
			return keys
		}
		in["Marker"] = page["NextMarker"]
	}
}
