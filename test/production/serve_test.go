package production

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/test/harness"
)

// wait bounds what another process needs some time for.
const wait = 30 * time.Second

// TestServe: what was encrypted before a stop is decrypted after it, over each
// listener, and the audit trail says which one it was.
func TestServe(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "partition: aws-cn").Init("--account", "111122223333")
	s := p.Serve()
	if p.Account != "111122223333" || !strings.HasPrefix(s.URLs["public"], "https://127.0.0.1:") || s.URLs["local"] != "http+unix:"+filepath.Join(p.Folder, "kms.sock") {
		t.Errorf("account %s, %v", p.Account, s.URLs)
	}
	if info, err := os.Stat(filepath.Join(p.Folder, "kms.sock")); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	key, arn := s.CreateKey(t, p.Who)
	if want := "arn:aws-cn:kms:" + harness.Region + ":111122223333:key/" + key; arn != want {
		t.Errorf("the ARN is %s, want %s", arn, want)
	}
	plaintext := base64.StdEncoding.EncodeToString([]byte("payroll"))
	blob := s.MustAs(t, p.Who, "Encrypt", object{"KeyId": key, "Plaintext": plaintext})["CiphertextBlob"]
	if code := s.Stop(); code != 0 {
		t.Fatalf("it ends with %d on SIGTERM", code)
	}
	s.Restart()
	s.Kill() // it leaves its sockets behind
	s.Restart()
	protocols := map[string]string{"public": "HTTP/1.1", "h2": "HTTP/2.0", "local": "HTTP/1.1"}
	for name, protocol := range protocols {
		s.URL = s.URLs[name]
		got := s.MustAs(t, p.Who, "Decrypt", object{"CiphertextBlob": blob})
		if got["Plaintext"] != plaintext {
			t.Errorf("%s: %v", name, got)
		}
		client := http.Client{Transport: s.Transport(), Timeout: wait}
		res, err := client.Do(s.HTTPRequest(t, harness.Request{Operation: "ListKeys", Who: p.Who}))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Proto != protocol {
			t.Errorf("%s: %s, %s", name, res.Status, res.Proto)
		}
	}
	for _, who := range []harness.Who{harness.Default, {AccessKey: "111122223333", SecretKey: "test", Region: harness.Region}} {
		if res := s.Do(t, harness.Request{Operation: "ListKeys", Who: who}); res.Type != "UnrecognizedClientException" {
			t.Errorf("the well-known credential %s: %d %s", who.AccessKey, res.Status, res.Body)
		}
	}
	s.Stop()
	listeners := map[string]int{}
	records, err := harness.ReadAudit(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Text("eventName") == "Decrypt" {
			if got := r.Text("userIdentity", "arn"); got != "arn:aws-cn:iam::111122223333:root" {
				t.Errorf("the caller is %s", got)
			}
			listeners[r.Text("additionalEventData", "listenerId")]++
		}
	}
	if len(listeners) != 3 || listeners["public"] != 1 || listeners["h2"] != 1 || listeners["local"] != 1 {
		t.Errorf("the Decrypts of the audit trail came by %v: %s", listeners, records[len(records)-1].JSON)
	}
}

// TestAWSCLI: init's credentials file and the certificate are all that the AWS
// CLI needs.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	const program = "/usr/bin/aws"
	if _, err := os.Stat(program); err != nil {
		t.Skip("no AWS CLI")
	}
	p := harness.NewProduction(t, "")
	credentials := filepath.Join(p.Folder, "credentials")
	if out, code := p.Run("init", "--credentials-file", credentials); code != 0 || strings.Contains(out, "secret access key  \n") {
		t.Fatalf("%d: %s", code, out)
	}
	s := p.Serve()
	aws := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"--endpoint-url", s.URL, "--output", "text", "kms"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_SHARED_CREDENTIALS_FILE="+credentials, "AWS_DEFAULT_REGION="+harness.Region,
			"AWS_CA_BUNDLE="+filepath.Join(p.Folder, "server.pem"), "AWS_CONFIG_FILE=/dev/null")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("aws kms %q: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	plain, blob := filepath.Join(p.Folder, "plain"), filepath.Join(p.Folder, "blob")
	if err := os.WriteFile(plain, []byte("payroll"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := aws("create-key", "--query", "KeyMetadata.KeyId")
	sealed, err := base64.StdEncoding.DecodeString(aws("encrypt", "--key-id", key, "--plaintext", "fileb://"+plain, "--query", "CiphertextBlob"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Restart()
	if got := aws("decrypt", "--ciphertext-blob", "fileb://"+blob, "--query", "Plaintext"); got != base64.StdEncoding.EncodeToString([]byte("payroll")) {
		t.Errorf("decrypted: %s", got)
	}
}

// TestCertificateIsReplaced: on SIGHUP, without a restart; and a pair that does
// not fit leaves the one in use.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	s := p.Serve()
	serial := func(name string) int64 {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.URLs[name], "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().CurveID; got != tls.X25519MLKEM768 {
			t.Errorf("%s: key exchange %v", name, got)
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	reload := func(until func() bool) bool {
		if err := syscall.Kill(s.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		return harness.Eventually(wait, until)
	}
	if public, h2 := serial("public"), serial("h2"); public != 1 || h2 != 1 {
		t.Fatalf("certificates %d and %d", public, h2)
	}
	p.Certify(2)
	if !reload(func() bool { return serial("public") == 2 && serial("h2") == 2 }) {
		t.Errorf("certificates %d and %d", serial("public"), serial("h2"))
	}
	if err := os.WriteFile(filepath.Join(p.Folder, "server.key"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !reload(func() bool { return bytes.Count(s.Output(), []byte("cannot be used")) == 2 }) || serial("public") != 2 || serial("h2") != 2 {
		t.Errorf("certificates %d and %d; %s", serial("public"), serial("h2"), s.Output())
	}
	s.Roots = p.Roots
	s.CreateKey(t, p.Who)
}

// TestShutdown: after SIGTERM a request that has begun is answered and
// recorded, nothing new is accepted, and the module ends too.
func TestShutdown(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	s := p.Serve()
	key, _ := s.CreateKey(t, p.Who)
	modules := harness.Children(s.PID())
	request := s.HTTPRequest(t, harness.Request{Operation: "DescribeKey", Body: fmt.Sprintf(`{"KeyId":%q}`, key), Who: p.Who})
	var raw bytes.Buffer
	if err := request.Write(&raw); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: p.Roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	half := raw.Len() - 5
	if _, err := conn.Write(raw.Bytes()[:half]); err != nil {
		t.Fatal(err)
	}
	s.CreateKey(t, p.Who) // by now the server has what was sent before
	if err := syscall.Kill(s.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !harness.Eventually(wait, func() bool {
		c, err := net.Dial("tcp", u.Host)
		if err == nil {
			c.Close()
		}
		return err != nil
	}) {
		t.Fatal("new connections are accepted")
	}
	if _, err := conn.Write(raw.Bytes()[half:]); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	if got := harness.ReadResponse(t, res); got.Status != http.StatusOK {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	for _, pid := range modules {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("the module is there: %v", err)
		}
	}
	records, err := harness.ReadAudit(p.Data)
	events := map[string]int{}
	for _, r := range records {
		events[r.Text("eventName")]++
	}
	if err != nil || events["DescribeKey"] != 1 || events["CreateKey"] != 2 || events["CreateAccount"] != 1 || events["CreateAccessKey"] != 1 {
		t.Errorf("the trail has %v, %v", events, err)
	}
}

// TestNotify: systemd is told when the service is ready and when it ends.
func TestNotify(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	path := filepath.Join(p.Folder, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	cmd := p.Command("serve", "--config", p.Config)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		b := make([]byte, 100)
		n, err := socket.Read(b)
		if string(b[:n]) != want || err != nil {
			t.Errorf("%q, %v; want %q", b[:n], err, want)
		}
	}
	expect("READY=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestStopBeforeReady: a service that waits for its module ends when it is told
// to, and that is no failure.
func TestStopBeforeReady(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	p.Write("module: {socket: run/hsm}\nunseal: {same_user: true}\n")
	cmd := p.Command("serve", "--config", p.Config)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for said := bufio.NewScanner(stderr); said.Scan(); {
		if strings.Contains(said.Text(), "no connection to the crypto module") {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}
