package audit

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var testUser = UserIdentity{
	Type: "IAMUser", PrincipalID: "AIDAEXAMPLE", ARN: "arn:aws:iam::111122223333:user/Alice",
	AccountID: "111122223333", AccessKeyID: "AKIAEXAMPLE", UserName: "Alice",
}

// encryptEvent has what a successful Encrypt over TLS has.
func encryptEvent() Event {
	return Event{
		UserIdentity: testUser, Time: time.Date(2026, 8, 9, 10, 11, 12, 999, time.FixedZone("", 7200)),
		Source: "kms.amazonaws.com", Name: "Encrypt", Region: "eu-central-1", SourceIP: "192.0.2.7", UserAgent: "aws-cli/2.15",
		RequestParameters: []byte(`{"encryptionContext":{"tenant":"a"},"keyId":"alias/x","encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`),
		KeyMaterialID:     strings.Repeat("ab", 32), ListenerID: "main",
		RequestID: "9f2b0c1e-0000-4000-8000-000000000001", EventID: "9f2b0c1e-0000-4000-8000-000000000002", ReadOnly: true,
		Resources: []Resource{{AccountID: "111122223333", ARN: "arn:aws:kms:eu-central-1:111122223333:key/1234"}},
		Type:      TypeAPICall, RecipientAccountID: "111122223333",
		TLS: &TLSDetails{Version: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ClientProvidedHostHeader: "kms.example", KeyExchange: "X25519MLKEM768"},
	}
}

func TestEventJSON(t *testing.T) {
	t.Parallel()
	minimal := Event{
		UserIdentity: UserIdentity{Type: "AWSAccount", AccountID: "1"}, Time: time.Unix(0, 0), Source: "kms.amazonaws.com",
		Name: "GenerateRandom", Region: "r", RequestID: "q", EventID: "e", ReadOnly: true, Type: TypeAPICall, RecipientAccountID: "1",
	}
	failed := minimal
	failed.ErrorCode, failed.ErrorMessage = "AccessDeniedException", "User: \"a\\b\"\n is not authorized"
	failed.UserAgent = "bad \xff bytes\x00\u2028"
	silent := minimal
	silent.ErrorCode = "InvalidCiphertextException"
	reEncrypt := minimal
	reEncrypt.Resources = []Resource{{AccountID: "1", ARN: "arn:1"}, {AccountID: "2", ARN: "arn:2"}}
	reEncrypt.Additional = []Field{{"customKeyStoreId", "\"y\""}}
	service := minimal
	service.UserIdentity = UserIdentity{AccountID: "1", InvokedBy: "AWS Internal"}
	service.Type, service.ServiceEventDetails, service.ReadOnly = TypeServiceEvent, []byte(`{"keyId":"k"}`), false
	service.ResponseElements = []byte(`{"keyId":"k"}`)

	session := minimal
	session.UserIdentity = UserIdentity{Type: "AssumedRole", PrincipalID: "AROA:x", AccountID: "1", Session: &SessionContext{
		Issuer:  UserIdentity{Type: "Role", PrincipalID: "AROA", ARN: "arn:3", AccountID: "1", UserName: "r"},
		Created: time.Unix(60, 0), SourceIdentity: "carol",
	}}
	session.Resources = []Resource{{AccountID: "1", ARN: "arn:3", Type: "AWS::IAM::Role"}}
	sessionToken := minimal
	sessionToken.UserIdentity.Session = &SessionContext{Created: time.Unix(60, 0)}

	start := `{"eventVersion":"1.11","userIdentity":{"type":"AWSAccount","accountId":"1"},"eventTime":"1970-01-01T00:00:00Z",` +
		`"eventSource":"kms.amazonaws.com","eventName":"GenerateRandom","awsRegion":"r","sourceIPAddress":""`
	end := `"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"1","eventCategory":"Management"}`
	for name, c := range map[string]struct {
		event Event
		want  string
	}{
		"everything": {encryptEvent(), `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/Alice",` +
			`"accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"Alice"},"eventTime":"2026-08-09T08:11:12Z","eventSource":"kms.amazonaws.com",` +
			`"eventName":"Encrypt","awsRegion":"eu-central-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.15",` +
			`"requestParameters":{"encryptionContext":{"tenant":"a"},"keyId":"alias/x","encryptionAlgorithm":"SYMMETRIC_DEFAULT"},"responseElements":null,` +
			`"additionalEventData":{"keyMaterialId":"` + strings.Repeat("ab", 32) + `","listenerId":"main"},` +
			`"requestID":"9f2b0c1e-0000-4000-8000-000000000001","eventID":"9f2b0c1e-0000-4000-8000-000000000002","readOnly":true,` +
			`"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-central-1:111122223333:key/1234"}],` +
			`"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management",` +
			`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"kms.example","keyExchange":"X25519MLKEM768"}}`},
		"minimal": {minimal, start + `,"userAgent":"","requestParameters":null,"responseElements":null,"requestID":"q","eventID":"e","readOnly":true,"resources":[],` + end},
		"error, strings to escape": {failed, start + `,"userAgent":"bad ` + "\ufffd" + ` bytes\u0000` + "\u2028" + `","errorCode":"AccessDeniedException",` +
			`"errorMessage":"User: \"a\\b\"\n is not authorized","requestParameters":null,"responseElements":null,"requestID":"q","eventID":"e","readOnly":true,"resources":[],` + end},
		"error without message": {silent, start + `,"userAgent":"","errorCode":"InvalidCiphertextException","requestParameters":null,"responseElements":null,` +
			`"requestID":"q","eventID":"e","readOnly":true,"resources":[],` + end},
		"two resources": {reEncrypt, start + `,"userAgent":"","requestParameters":null,"responseElements":null,"additionalEventData":{"customKeyStoreId":"\"y\""},"requestID":"q","eventID":"e",` +
			`"readOnly":true,"resources":[{"accountId":"1","type":"AWS::KMS::Key","ARN":"arn:1"},{"accountId":"2","type":"AWS::KMS::Key","ARN":"arn:2"}],` + end},
		"session of a role": {session, strings.Replace(start, `{"type":"AWSAccount","accountId":"1"}`, `{"type":"AssumedRole","principalId":"AROA:x","accountId":"1",`+
			`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA","arn":"arn:3","accountId":"1","userName":"r"},`+
			`"attributes":{"creationDate":"1970-01-01T00:01:00Z","mfaAuthenticated":"false"},"sourceIdentity":"carol"}}`, 1) +
			`,"userAgent":"","requestParameters":null,"responseElements":null,"requestID":"q","eventID":"e",` +
			`"readOnly":true,"resources":[{"accountId":"1","type":"AWS::IAM::Role","ARN":"arn:3"}],` + end},
		"temporary credentials": {sessionToken, strings.Replace(start, `"accountId":"1"}`, `"accountId":"1","sessionContext":{`+
			`"attributes":{"creationDate":"1970-01-01T00:01:00Z","mfaAuthenticated":"false"}}}`, 1) +
			`,"userAgent":"","requestParameters":null,"responseElements":null,"requestID":"q","eventID":"e","readOnly":true,"resources":[],` + end},
		"service event": {service, `{"eventVersion":"1.11","userIdentity":{"accountId":"1","invokedBy":"AWS Internal"},"eventTime":"1970-01-01T00:00:00Z",` +
			`"eventSource":"kms.amazonaws.com","eventName":"GenerateRandom","awsRegion":"r","sourceIPAddress":"","userAgent":"","requestParameters":null,` +
			`"responseElements":{"keyId":"k"},"requestID":"q","eventID":"e","readOnly":false,"resources":[],"eventType":"AwsServiceEvent","managementEvent":true,` +
			`"recipientAccountId":"1","serviceEventDetails":{"keyId":"k"},"eventCategory":"Management"}`},
	} {
		got := string(c.event.AppendJSON([]byte("before")))
		if diff := cmp.Diff("before"+c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !json.Valid([]byte(got[len("before"):])) {
			t.Errorf("%s: not valid JSON", name)
		}
	}
}

func TestAppendJSONDoesNotAllocate(t *testing.T) {
	event, buf := encryptEvent(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = event.AppendJSON(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzEvent: whatever callers send in strings, the record is one line of valid
// JSON from which the strings come back, and its own event id is the one read.
func FuzzEvent(f *testing.F) {
	f.Add("aws-cli/2.15", "kms.example:443")
	f.Add("\x00\x1f\"\\/\u2028\ufffd", `","eventID":"forged`)
	f.Add("\xff\xc0\x80", "\n")
	f.Fuzz(func(t *testing.T, agent, host string) {
		e := encryptEvent()
		e.UserAgent, e.TLS.ClientProvidedHostHeader = agent, host
		line := e.AppendJSON(nil)
		if !utf8.Valid(line) || strings.ContainsAny(string(line), "\n\r") {
			t.Fatalf("not one line of UTF-8: %q", line)
		}
		var got struct {
			UserAgent  string `json:"userAgent"`
			TLSDetails struct {
				Host string `json:"clientProvidedHostHeader"`
			} `json:"tlsDetails"`
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if want := perByte(agent); got.UserAgent != want {
			t.Errorf("user agent %q, want %q", got.UserAgent, want)
		}
		if want := perByte(host); got.TLSDetails.Host != want {
			t.Errorf("host %q, want %q", got.TLSDetails.Host, want)
		}
		if id := eventID(line); id != e.EventID {
			t.Errorf("event id %q", id)
		}
	})
}

// perByte replaces each byte that is not UTF-8.
func perByte(s string) string { return string([]rune(s)) }

func TestEventIDs(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var ids IDs
	made := make(chan string, 4*1000)
	for range 4 {
		go func() {
			for range 1000 {
				made <- ids.New()
			}
		}()
	}
	seen := map[string]bool{}
	for range cap(made) {
		id := <-made
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("event id %q, seen before: %v", id, seen[id])
		}
		seen[id] = true
	}
}
