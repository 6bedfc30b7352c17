package stress

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
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

// serve starts one; its programs, configuration and sockets are on another disk.
func serve(t *testing.T, path, durability string) *service {
	t.Helper()
	p := harness.NewFolder(t)
	p.Data = filepath.Join(path, "data")
	p.Write(fmt.Sprintf("module: {child: {program: %s, key_file: module/key}}\nunseal: {same_user: true}\naudit: {durability: %s, stall_timeout: 1s}\n"+
		"admin: {socket: admin.sock}\nmetrics: {address: 127.0.0.1:0}\n", harness.Program("trent-hsm"), durability))
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

// recorded checks the trail of a server that has ended: it verifies, every call
// that succeeded has its one record, and every call that failed has one or is
// counted in that of a gap. No mutation stands in the store without one.
func (c *callers) recorded() (inGaps int) {
	c.t.Helper()
	if out, code := harness.Run(c.t, "audit", "verify", filepath.Join(c.s.Data, "audit")); code != 0 {
		c.t.Errorf("the trail does not verify (code %d):\n%s", code, out)
	}
	records, err := harness.ReadAudit(c.s.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	times := map[string]int{}
	for _, r := range records {
		if r.Text("eventName") == "UnrecordedCalls" {
			inGaps += int(r.Members["serviceEventDetails"].(object)["calls"].(float64))
		}
		times[r.Text("requestID")]++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	failed, without := 0, 0
	for _, m := range c.made {
		switch n := times[m.requestID]; {
		case m.code == "OK" && n != 1:
			c.t.Errorf("%s succeeded, and has %d records", m.operation, n)
		case m.code != "OK":
			if failed++; n == 0 {
				without++
			}
		}
	}
	if inGaps < without || inGaps > failed {
		c.t.Errorf("%d calls failed, %d of them have no record of their own, and %d are counted in those of gaps", failed, without, inGaps)
	}
	c.t.Logf("%d calls succeeded, %d failed, %d of them counted in gaps", len(c.made)-failed, failed, inGaps)
	return inGaps
}
