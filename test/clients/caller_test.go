package clients

import (
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"trent/test/harness"
)

// An object is the members of a request or an answer as JSON has them: blobs
// are base64 strings, numbers are float64.
type object = map[string]any

// A caller makes calls with one of the clients, as one caller.
type caller interface {
	// call returns the answer's members, or an *apiError. An operation is KMS's
	// unless its service stands before it: iam:CreateUser.
	call(t testing.TB, operation string, in object) (object, error)
}

// An apiError is an error answer as a client shows it.
type apiError struct{ code, message string }

func (e *apiError) Error() string { return e.code + ": " + e.message }

// A client is one of the clients that the tests run with.
type client struct {
	name string // as in proven.txt
	// connect returns a caller, or skips the test where the client is absent.
	connect func(t testing.TB, s *harness.Server, who harness.Who) caller
}

var allClients = []client{
	{"aws-cli", connectCLI},
	{"boto3", connectBoto3},
	{"go-sdk", connectGoSDK},
}

// forEachClient runs a test once with each client.
func forEachClient(t *testing.T, test func(t *testing.T, c client)) {
	for _, c := range allClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, c)
		})
	}
}

// service splits an operation's name.
func service(operation string) (service, name string) {
	if service, name, ok := strings.Cut(operation, ":"); ok {
		return service, name
	}
	return "kms", operation
}

// must makes a call that has to succeed.
func must(t testing.TB, c caller, operation string, in object) object {
	t.Helper()
	out, err := c.call(t, operation, in)
	if err != nil {
		t.Fatalf("%s %s: %v", operation, harness.Marshal(in), err)
	}
	return out
}

// refused makes a call that has to fail with a code, and with a message unless
// that is anyMessage.
func refused(t testing.TB, c caller, operation string, in object, code, message string) {
	t.Helper()
	out, err := c.call(t, operation, in)
	var e *apiError
	if !errors.As(err, &e) {
		t.Fatalf("%s %s: got %v and error %v, want %s", operation, harness.Marshal(in), out, err, code)
	}
	if e.code != code || (message != anyMessage && e.message != message) {
		t.Errorf("%s %s:\n got %s: %s\nwant %s: %s", operation, harness.Marshal(in), e.code, e.message, code, message)
	}
}

const anyMessage = "*"

func blob(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func text(t testing.TB, o object, name string) string {
	t.Helper()
	s, ok := o[name].(string)
	if !ok {
		t.Fatalf("%s is %v in %v", name, o[name], o)
	}
	return s
}

// decoded is the bytes of a blob member.
func decoded(t testing.TB, o object, name string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text(t, o, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// environment is a process environment with the server and the credentials,
// and nothing of the user's own AWS configuration.
func environment(s *harness.Server, who harness.Who) []string {
	return append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+who.AccessKey,
		"AWS_SECRET_ACCESS_KEY="+who.SecretKey,
		"AWS_SESSION_TOKEN="+who.Token,
		"AWS_DEFAULT_REGION="+who.Region,
		"AWS_REGION="+who.Region,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_MAX_ATTEMPTS=1",
		"AWS_PAGER=",
		"TRENT_URL="+s.URL,
	)
}

// needs skips the test where a program is not installed.
func needs(t testing.TB, program string) {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%s is not installed; make test-deps says what to install", program)
	}
}
