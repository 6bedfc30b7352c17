package clients

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"trent/test/harness"
)

// An sdkJob is one of encryptionsdk/roundtrip.js.
type sdkJob struct {
	Keyring   string `json:"keyring"`
	Region    string `json:"region"`
	ARN       string `json:"arn,omitempty"`
	Plaintext []byte `json:"plaintext,omitempty"`
	Message   []byte `json:"message,omitempty"`
}

type sdkOutcome struct {
	Out   []byte `json:"out"`
	Error string `json:"error"`
}

// encryptionSDK has the AWS Encryption SDK for JavaScript do jobs.
func encryptionSDK(t *testing.T, s *harness.Server, jobs []sdkJob) (all []sdkOutcome) {
	t.Helper()
	request, err := json.Marshal(map[string]any{
		"url": s.URL, "accessKey": harness.Default.AccessKey, "secret": harness.Default.SecretKey, "jobs": jobs,
		"context": map[string]string{"purpose": "test", "größe": "klein"},
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "roundtrip.js")
	cmd.Dir, cmd.Stdin, cmd.Stderr = "encryptionsdk", bytes.NewReader(request), os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil || len(all) != len(jobs) {
		t.Fatalf("%v: %s", err, out)
	}
	return all
}

// TestEncryptionSDK encrypts messages with the AWS Encryption SDK for JavaScript
// and decrypts them, by the key, by discovery and by the replica of a multi-Region
// key, with an encryption context, before and after a rotation.
func TestEncryptionSDK(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("encryptionsdk/node_modules/@aws-crypto/client-node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("@aws-crypto/client-node is not installed")
		}
		t.Skip("@aws-crypto/client-node is not installed: make test-deps")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node is not installed: make test-deps")
	}
	const home, away = "eu-west-1", "ap-northeast-1"
	s := harness.Start(t)
	single := s.Must(t, "CreateKey", object{})["KeyMetadata"].(object)
	multi := s.Must(t, "CreateKey", object{"MultiRegion": true})["KeyMetadata"].(object)
	singleARN, multiARN, id := text(t, single, "Arn"), text(t, multi, "Arn"), text(t, multi, "KeyId")
	replicaARN := "arn:aws:kms:" + away + ":" + harness.Account + ":key/" + id
	s.Must(t, "ReplicateKey", object{"KeyId": multiARN, "ReplicaRegion": away})
	there := harness.Default
	there.Region = away
	if !harness.Eventually(time.Minute, func() bool {
		return s.MustAs(t, there, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object)["KeyState"] == "Enabled"
	}) {
		t.Fatal("there is no replica")
	}
	var made [][2][]byte // by the single-Region key, and by the multi-Region one
	plaintext := []byte("what nobody else may read")
	encrypted := func() {
		t.Helper()
		got := encryptionSDK(t, s, []sdkJob{{Keyring: "kms", Region: home, ARN: singleARN, Plaintext: plaintext}, {Keyring: "mrk", Region: home, ARN: multiARN, Plaintext: plaintext}})
		for _, g := range got {
			if g.Error != "" || bytes.Contains(g.Out, plaintext) {
				t.Fatalf("encrypt: %s", g.Error)
			}
		}
		made = append(made, [2][]byte{got[0].Out, got[1].Out})
	}
	encrypted()
	for _, arn := range []string{singleARN, multiARN} {
		s.Must(t, "RotateKeyOnDemand", object{"KeyId": arn})
	}
	encrypted()
	var jobs []sdkJob
	for _, m := range made {
		jobs = append(jobs,
			sdkJob{Keyring: "kms", Region: home, ARN: singleARN, Message: m[0]}, sdkJob{Keyring: "discovery", Region: home, Message: m[0]},
			sdkJob{Keyring: "mrk", Region: home, ARN: multiARN, Message: m[1]}, sdkJob{Keyring: "mrk", Region: away, ARN: replicaARN, Message: m[1]},
			sdkJob{Keyring: "mrk discovery", Region: away, Message: m[1]}, sdkJob{Keyring: "discovery", Region: home, Message: m[1]},
		)
	}
	for i, got := range encryptionSDK(t, s, jobs) {
		if got.Error != "" || !bytes.Equal(got.Out, plaintext) {
			t.Errorf("decrypt by the keyring %q in %s: %q %s", jobs[i].Keyring, jobs[i].Region, got.Out, got.Error)
		}
	}
	wrong := []sdkJob{{Keyring: "kms", Region: home, ARN: singleARN, Message: made[0][1]}, {Keyring: "mrk discovery", Region: away, Message: made[0][0]}}
	for i, got := range encryptionSDK(t, s, wrong) {
		if got.Error == "" {
			t.Errorf("another key's message is decrypted by the keyring %q in %s", wrong[i].Keyring, wrong[i].Region)
		}
	}
}
